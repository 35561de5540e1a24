// y = x_weight · x + y_weight · y, one warp a row.
//
// Tiling     Lanes take neighbouring floats of their row. A block is 4 rows.
// Shared     none.
// Occupancy  128 threads, at most 40 registers: 12 blocks, 75 % of an SM.
// Limit      DRAM: every element of x is read, and of y read and written, once.
#include "kernels/add_rows/add_rows.h"
#include "kernels/cuda/launch.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarpsPerBlock = 4;

__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    add_rows_kernel(const float* __restrict__ x, float* y, int64_t total, int64_t rows, int64_t cols, int64_t x_stride,
                    int64_t y_stride, int64_t x_row, float x_weight, float y_weight) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (i >= total) return;
  const float* const from = x + i / rows * x_stride + i % rows * x_row;
  float* const to = y + i / rows * y_stride + i % rows * cols;
  for (int64_t c = threadIdx.x % 32; c < cols; c += 32) {
    const float sum = x_weight * from[c];
    to[c] = y_weight != 0 ? fmaf(y_weight, to[c], sum) : sum;
  }
}

}  // namespace

void add_rows_cuda(const AddRowsParams& p, CudaQueue queue) {
  check_params(p);
  const int64_t total = p.batch * p.rows;
  if (total == 0) return;
  add_rows_kernel<<<grid_size(ceil_div(total, kWarpsPerBlock)), 32 * kWarpsPerBlock, 0, queue.stream>>>(
      p.x, p.y, total, p.rows, p.cols, p.x_stride, p.y_stride, p.broadcast ? 0 : p.cols, p.x_weight, p.y_weight);
  check_launch("add_rows", p.batch, "×", p.rows, " rows of ", p.cols);
}

}  // namespace sclip
