// Device code that several of the test programs use: layer norm, and the tensor-core instructions on fragments.
#pragma once
#include <cuda_fp16.h>

#include <cstdint>

// The layer norm of a row by a block of at most 256 threads; store(i, value) takes the result.
template <class Store>
__device__ inline void layer_norm_row(const float* row, const float* g, const float* b, int d, unsigned threads,
                                      Store store) {
  __shared__ float part[2][8];
  float s = 0, q = 0;
  for (int i = threadIdx.x; i < d; i += threads) {
    const float v = row[i];
    s += v;
    q += v * v;
  }
  for (int o = 16; o; o >>= 1) {
    s += __shfl_xor_sync(~0u, s, o);
    q += __shfl_xor_sync(~0u, q, o);
  }
  if (threadIdx.x % 32 == 0) {
    part[0][threadIdx.x / 32] = s;
    part[1][threadIdx.x / 32] = q;
  }
  __syncthreads();
  s = q = 0;
  for (unsigned i = 0; i < threads / 32; ++i) {
    s += part[0][i];
    q += part[1][i];
  }
  const float mean = s / d, inv = rsqrtf(q / d - mean * mean + 1e-5f);
  for (int i = threadIdx.x; i < d; i += threads) store(i, (row[i] - mean) * inv * g[i] + b[i]);
}

__device__ inline uint32_t shared_address(const void* p) {
  return uint32_t(__cvta_generic_to_shared(p));
}
__device__ inline void ldmatrix4(uint32_t (&r)[4], const __half* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p)));
}
__device__ inline void ldmatrix4_trans(uint32_t (&r)[4], const __half* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p)));
}
// m16n8k16 of f16 with f32 sums; b points to two registers.
__device__ inline void mma(float (&c)[4], const uint32_t (&a)[4], const uint32_t* b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ inline uint32_t pack(float x, float y) {
  const __half2 h = __floats2half2_rn(x, y);
  return *reinterpret_cast<const uint32_t*>(&h);
}
