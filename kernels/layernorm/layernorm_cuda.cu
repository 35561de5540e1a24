// y = (x − mean) / sqrt(var + eps) · gamma + beta, one warp a row.
//
// Tiling     A warp holds its whole row in registers (VEC float4 a lane: up to 128·VEC columns), so that the row is
//            read once and both passes over it, mean and squared deviations, cost no memory traffic. A block is 4
//            rows. Rows over 2048 columns, or not made of float4, take the loop kernel, which reads the row three
//            times, twice of them from L1.
// Shared     none; the two sums are five shuffles each.
// Occupancy  128 threads, at most 144 registers (VEC = 16): 3 blocks. For 768 columns (VEC = 6) at most 80: 6 blocks,
//            37 % of an SM, each lane with 6 loads of 16 bytes under way. The launch bounds keep ptxas from spilling.
// Limit      DRAM: 4 bytes read and 2 (f32: 4) written per element, which is what must move at least.
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/layernorm/layernorm.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarpsPerBlock = 4;

template <typename Out>
__device__ __forceinline__ void store_4(Out* y, float4 v) {
  if constexpr (sizeof(Out) == 4) {
    store_global(y, make_uint4(__float_as_uint(v.x), __float_as_uint(v.y), __float_as_uint(v.z), __float_as_uint(v.w)));
  } else {
    store_global(y, make_uint2(pack<Out>(v.x, v.y), pack<Out>(v.z, v.w)));
  }
}

// kVec: float4 a lane holds. Columns are a multiple of 4; x, y, gamma, beta are 16-byte aligned (y: 8 for halves).
// x and y may be the same memory: a lane has read its part of the row before it writes it.
template <typename Out, int kVec>
__global__ void __launch_bounds__(32 * kWarpsPerBlock, kVec == 4 ? 8 : 1)
    layernorm_row_kernel(const float* x, Out* y, const float* __restrict__ gamma, const float* __restrict__ beta,
                         int total, int rows, int cols, int64_t x_stride, int64_t y_stride, float eps) {
  const int row = static_cast<int>(blockIdx.x) * kWarpsPerBlock + static_cast<int>(threadIdx.x) / 32;
  if (row >= total) return;
  const int lane = threadIdx.x % 32;
  const float* from = x + row / rows * x_stride + static_cast<int64_t>(row % rows) * cols;
  Out* to = y + row / rows * y_stride + static_cast<int64_t>(row % rows) * cols;

  float4 v[kVec];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kVec; ++i) {
    const int c = (i * 32 + lane) * 4;
    v[i] = c < cols ? *reinterpret_cast<const float4*>(from + c) : make_float4(0, 0, 0, 0);
    sum += (v[i].x + v[i].y) + (v[i].z + v[i].w);
  }
  const float mean = warp_sum(sum) / static_cast<float>(cols);

  float squares = 0;
#pragma unroll
  for (int i = 0; i < kVec; ++i) {
    if ((i * 32 + lane) * 4 < cols) {
      v[i] = make_float4(v[i].x - mean, v[i].y - mean, v[i].z - mean, v[i].w - mean);
      squares += (v[i].x * v[i].x + v[i].y * v[i].y) + (v[i].z * v[i].z + v[i].w * v[i].w);
    }
  }
  const float scale = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(cols) + eps);

#pragma unroll
  for (int i = 0; i < kVec; ++i) {
    const int c = (i * 32 + lane) * 4;
    if (c < cols) {
      const float4 g = *reinterpret_cast<const float4*>(gamma + c);
      const float4 b = *reinterpret_cast<const float4*>(beta + c);
      store_4(to + c, make_float4(v[i].x * scale * g.x + b.x, v[i].y * scale * g.y + b.y, v[i].z * scale * g.z + b.z,
                                  v[i].w * scale * g.w + b.w));
    }
  }
}

// Any number of columns, any alignment.
template <typename Out>
__global__ void __launch_bounds__(32 * kWarpsPerBlock, 8)
    layernorm_loop_kernel(const float* x, Out* y, const float* __restrict__ gamma, const float* __restrict__ beta,
                          int total, int rows, int64_t cols, int64_t x_stride, int64_t y_stride, float eps) {
  const int row = static_cast<int>(blockIdx.x) * kWarpsPerBlock + static_cast<int>(threadIdx.x) / 32;
  if (row >= total) return;
  const int lane = threadIdx.x % 32;
  const float* from = x + row / rows * x_stride + static_cast<int64_t>(row % rows) * cols;
  Out* to = y + row / rows * y_stride + static_cast<int64_t>(row % rows) * cols;

  float sum = 0;
  for (int64_t c = lane; c < cols; c += 32) sum += from[c];
  const float mean = warp_sum(sum) / static_cast<float>(cols);
  float squares = 0;
  for (int64_t c = lane; c < cols; c += 32) squares += (from[c] - mean) * (from[c] - mean);
  const float scale = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(cols) + eps);
  for (int64_t c = lane; c < cols; c += 32) to[c] = from_f32<Out>((from[c] - mean) * scale * gamma[c] + beta[c]);
}

template <typename Out>
void launch(const LayerNormParams& p, CudaQueue queue) {
  const int64_t total = p.batch * p.rows;
  SCLIP_CHECK(total < INT32_MAX, kInvalidArgument, "layernorm on CUDA takes fewer than 2^31 rows, not ", total);
  const unsigned blocks = grid_size(ceil_div(total, kWarpsPerBlock));
  auto* y = static_cast<Out*>(p.y);
  const bool vectors = p.cols % 4 == 0 && p.x_stride % 4 == 0 && p.y_stride % 4 == 0 && is_aligned(p.x, 16) &&
                       is_aligned(p.y, 4 * sizeof(Out)) && is_aligned(p.gamma, 16) && is_aligned(p.beta, 16);
  const auto row_kernel = [&](auto kernel) {
    kernel<<<blocks, 32 * kWarpsPerBlock, 0, queue.stream>>>(p.x, y, p.gamma, p.beta, static_cast<int>(total),
                                                             static_cast<int>(p.rows), static_cast<int>(p.cols),
                                                             p.x_stride, p.y_stride, p.eps);
  };
  const int64_t vec = ceil_div(p.cols, 128);
  if (vectors && vec <= 2) {
    row_kernel(layernorm_row_kernel<Out, 2>);
  } else if (vectors && vec <= 4) {
    row_kernel(layernorm_row_kernel<Out, 4>);
  } else if (vectors && vec <= 6) {
    row_kernel(layernorm_row_kernel<Out, 6>);
  } else if (vectors && vec <= 10) {
    row_kernel(layernorm_row_kernel<Out, 10>);
  } else if (vectors && vec <= 16) {
    row_kernel(layernorm_row_kernel<Out, 16>);
  } else {
    layernorm_loop_kernel<Out><<<blocks, 32 * kWarpsPerBlock, 0, queue.stream>>>(
        p.x, y, p.gamma, p.beta, static_cast<int>(total), static_cast<int>(p.rows), p.cols, p.x_stride, p.y_stride,
        p.eps);
  }
  check_launch("layernorm", p.batch, "×", p.rows, " rows of ", p.cols);
}

}  // namespace

void layernorm_cuda(const LayerNormParams& p, CudaQueue queue) {
  check_params(p);
  if (p.batch * p.rows == 0) return;
  with_element(p.y_dtype, [&](auto element) { launch<decltype(element)>(p, queue); });
}

}  // namespace sclip
