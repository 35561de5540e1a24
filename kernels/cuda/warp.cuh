// Reductions. All lanes of the warp, or all threads of the block, take part and get the result.
#pragma once

namespace sclip::cuda {

constexpr unsigned kFullWarp = 0xffffffffu;

template <typename T>
__device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(kFullWarp, x, offset);
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x = fmaxf(x, __shfl_xor_sync(kFullWarp, x, offset));
  return x;
}

// Of a block of `kWarps` warps; `sums` are the block's, and may be another call's.
template <int kWarps, typename T>
__device__ __forceinline__ T block_sum(T x, T* sums) {
  x = warp_sum(x);
  __syncthreads();
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = x;
  __syncthreads();
  T sum = 0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) sum += sums[w];
  return sum;
}

}  // namespace sclip::cuda
