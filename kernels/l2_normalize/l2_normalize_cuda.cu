// y = x / ‖x‖, one warp a row.
//
// The row is scaled by the power of two of its largest element before it is squared, which costs no rounding and keeps
// the sum of squares within f32 at any magnitude.
//
// Tiling     A warp reads its row three times, for the maximum, the sum and the quotient: twice from L1. A block is 4
//            rows.
// Shared     none; the reductions are shuffles.
// Occupancy  128 threads, at most 40 registers: 12 blocks, 75 % of an SM.
// Limit      DRAM: every element is read and written once.
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/l2_normalize/l2_normalize.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarpsPerBlock = 4;

// 2^−e for 2^e ≤ largest < 2^(e+1); subnormals count as 2^−126.
__device__ __forceinline__ float inverse_power(float largest) {
  const int exponent = max(static_cast<int>(__float_as_uint(largest) >> 23), 1);  // biased by 127
  return exponent >= 254 ? __uint_as_float(0x00400000u) : __uint_as_float(static_cast<unsigned>(254 - exponent) << 23);
}

// x and y may be the same array.
template <typename In, typename Out>
__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    l2_normalize_kernel(const In* x, Out* y, int64_t total, int64_t rows, int64_t cols, int64_t x_stride,
                        int64_t y_stride) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (row >= total) return;
  const int lane = threadIdx.x % 32;
  const In* from = x + row / rows * x_stride + row % rows * cols;
  Out* to = y + row / rows * y_stride + row % rows * cols;

  float largest = 0;
  for (int64_t c = lane; c < cols; c += 32) largest = fmaxf(largest, fabsf(to_f32(from[c])));
  const float scale = inverse_power(warp_max(largest));
  float sum = 0;
  for (int64_t c = lane; c < cols; c += 32) {
    const float v = to_f32(from[c]) * scale;
    sum = fmaf(v, v, sum);
  }
  sum = warp_sum(sum);
  const float norm = sum == 0 ? 1.0f : sqrtf(sum);
  for (int64_t c = lane; c < cols; c += 32) to[c] = from_f32<Out>(to_f32(from[c]) * scale / norm);
}

}  // namespace

void l2_normalize_cuda(const L2NormalizeParams& p, CudaQueue queue) {
  check_params(p);
  const int64_t total = p.batch * p.rows;
  if (total == 0) return;
  with_element(p.x_dtype, [&](auto in) {
    with_element(p.y_dtype, [&](auto out) {
      using In = decltype(in);
      using Out = decltype(out);
      l2_normalize_kernel<<<grid_size(ceil_div(total, kWarpsPerBlock)), 32 * kWarpsPerBlock, 0, queue.stream>>>(
          static_cast<const In*>(p.x), static_cast<Out*>(p.y), total, p.rows, p.cols, p.x_stride, p.y_stride);
    });
  });
  check_launch("l2_normalize", p.batch, "×", p.rows, " rows of ", p.cols);
}

}  // namespace sclip
