// out[i] = x[indices[i]].
//
// Tiling     One block a row; its threads walk along it, so that every access is coalesced.
// Shared     none.
// Occupancy  128 threads, at most 40 registers: 12 blocks, 75 % of an SM.
// Limit      DRAM: 8·C bytes a row.
#include "kernels/cuda/launch.h"
#include "kernels/gather_rows/gather_rows.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads)
    gather_rows_kernel(const float* __restrict__ x, const int32_t* __restrict__ indices, float* __restrict__ out,
                       int64_t cols) {
  const float* from = x + indices[blockIdx.x] * cols;
  float* to = out + blockIdx.x * cols;
  for (int64_t c = threadIdx.x; c < cols; c += kThreads) to[c] = from[c];
}

}  // namespace

void gather_rows_cuda(const GatherRowsParams& p, CudaQueue queue) {
  check_params(p);
  if (p.count == 0) return;
  gather_rows_kernel<<<grid_size(p.count), kThreads, 0, queue.stream>>>(p.x, p.indices, p.out, p.cols);
  check_launch("gather_rows", p.count, " rows of ", p.cols);
}

}  // namespace sclip
