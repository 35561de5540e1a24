// out = mean of ‖x‖ over the rows of a window, one block a window.
//
// Tiling     16 warps take the rows in turn, 32 columns at a time; each adds the lengths of its rows in their order.
// The
//            first warp adds the 16 sums: one order, no atomics, the same bits in any company.
// Shared     64 bytes: a sum for each warp. No conflict: lanes write and read neighbouring words.
// Occupancy  512 threads, at most 40 registers: 3 blocks, 48 warps of an SM.
// Limit      Latency: a window has one SM, and 13 rows of 768 a warp are 312 loads of 64 bytes, a few microseconds.
// Every
//            element is read once.
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/mean_norm/mean_norm.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarps = 16;

template <typename T>
__global__ void __launch_bounds__(32 * kWarps, 3)
    mean_norm_kernel(const T* __restrict__ x, float* __restrict__ out, int64_t rows, int64_t cols, int64_t x_stride) {
  __shared__ float sums[kWarps];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const T* const window = x + blockIdx.x * x_stride;
  float norms = 0;
  for (int64_t r = warp; r < rows; r += kWarps) {
    const T* const row = window + r * cols;
    float squares = 0;
    for (int64_t c = lane; c < cols; c += 32) {
      const float value = to_f32(row[c]);
      squares = fmaf(value, value, squares);
    }
    norms += sqrtf(warp_sum(squares));
  }
  if (lane == 0) sums[warp] = norms;
  __syncthreads();
  if (warp > 0) return;
  const float sum = warp_sum(lane < kWarps ? sums[lane] : 0.0f);
  if (lane == 0) out[blockIdx.x] = sum / static_cast<float>(rows);
}

}  // namespace

void mean_norm_cuda(const MeanNormParams& p, CudaQueue queue) {
  check_params(p);
  if (p.batch == 0) return;
  with_element(p.dtype, [&](auto element) {
    using T = decltype(element);
    mean_norm_kernel<<<grid_size(p.batch), 32 * kWarps, 0, queue.stream>>>(static_cast<const T*>(p.x), p.out, p.rows,
                                                                           p.cols, p.x_stride);
  });
  check_launch("mean_norm", p.batch, "×", p.rows, " rows of ", p.cols);
}

}  // namespace sclip
