// A block is one head of one window, 256 threads: its rows are read three times, for the means, for B and for the
// rotation, twice of them from L2; everything between stays in shared memory.
//
// Tiling     Every product is 64×64×64 (a narrower head is padded with zeros), a tile of 4×4 a thread, both operands as
//            float4: 8 loads for 64 multiplications. Tokens come 64 at a time. A product of the Newton–Schulz steps is
//            held in registers until all have read its operands, so that matrices are replaced in place.
// Shared     four matrices of 64 rows, 68 floats apart (a quarter warp's float4 meet 32 banks): Bᵀ, Y, Z and T, 68 KiB,
//            and 2.6 KiB of sums. Tokens lie where Y and Z will.
// Occupancy  256 threads, at most 128 registers: 2 blocks by registers; shared memory leaves 2 on A100, 3 on H100, 1 on
//            devices of 100 KiB.
// Limit      FMA issue: 14 MFLOP a head, none on tensor cores, which have no f32.
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/procrustes/procrustes.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kSide = 64;    // d, padded
constexpr int kStride = 68;  // floats between rows
constexpr int kMatrix = kSide * kStride;

struct Shared {
  float b_transposed[kMatrix];  // Bᵀ: rows are of q's channels
  float y[kMatrix];
  float z[kMatrix];
  float t[kMatrix];
  float mean_q[kSide];
  float mean_k[kSide];
  float sums[kWarps][kSide];
  float partial[kWarps];
};

// Row 4·ty + i of the thread's tile, and column 4·tx + j.
struct Place {
  int ty, tx;
};

__device__ __forceinline__ float4 load_4(const float* p) {
  return *reinterpret_cast<const float4*>(p);
}

template <typename Element>
__device__ __forceinline__ float4 load_elements(const Element* p) {
  if constexpr (sizeof(Element) == 4) {
    return load_4(p);
  } else {
    const uint2 bits = *reinterpret_cast<const uint2*>(p);
    const float2 low = unpack<Element>(bits.x), high = unpack<Element>(bits.y);
    return make_float4(low.x, low.y, high.x, high.y);
  }
}

template <typename Element>
__device__ __forceinline__ void store_elements(Element* p, float4 v) {
  if constexpr (sizeof(Element) == 4) {
    store_global(p, make_uint4(__float_as_uint(v.x), __float_as_uint(v.y), __float_as_uint(v.z), __float_as_uint(v.w)));
  } else {
    store_global(p, make_uint2(pack<Element>(v.x, v.y), pack<Element>(v.z, v.w)));
  }
}

__device__ __forceinline__ void multiply_add(float a, float4 b, float (&row)[4]) {
  row[0] = fmaf(a, b.x, row[0]);
  row[1] = fmaf(a, b.y, row[1]);
  row[2] = fmaf(a, b.z, row[2]);
  row[3] = fmaf(a, b.w, row[3]);
}

// c = a · b
__device__ __forceinline__ void product(const float* a, const float* b, Place at, float (&c)[4][4]) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) c[i][j] = 0;
  }
#pragma unroll 4
  for (int k = 0; k < kSide; k += 4) {
    const float4 b0 = load_4(b + k * kStride + 4 * at.tx), b1 = load_4(b + (k + 1) * kStride + 4 * at.tx);
    const float4 b2 = load_4(b + (k + 2) * kStride + 4 * at.tx), b3 = load_4(b + (k + 3) * kStride + 4 * at.tx);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float4 left = load_4(a + (4 * at.ty + i) * kStride + k);
      multiply_add(left.x, b0, c[i]);
      multiply_add(left.y, b1, c[i]);
      multiply_add(left.z, b2, c[i]);
      multiply_add(left.w, b3, c[i]);
    }
  }
}

// c += aᵀ · b over 64 tokens
__device__ __forceinline__ void add_outer(const float* a, const float* b, Place at, float (&c)[4][4]) {
#pragma unroll 8
  for (int n = 0; n < kSide; ++n) {
    const float4 left = load_4(a + n * kStride + 4 * at.ty), right = load_4(b + n * kStride + 4 * at.tx);
    multiply_add(left.x, right, c[0]);
    multiply_add(left.y, right, c[1]);
    multiply_add(left.z, right, c[2]);
    multiply_add(left.w, right, c[3]);
  }
}

// c = a · aᵀ, with columns tx + 16·j, whose float4 lie in other banks
__device__ __forceinline__ void gram(const float* a, Place at, float (&c)[4][4]) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) c[i][j] = 0;
  }
#pragma unroll 4
  for (int k = 0; k < kSide; k += 4) {
    float4 right[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) right[j] = load_4(a + (at.tx + 16 * j) * kStride + k);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float4 left = load_4(a + (4 * at.ty + i) * kStride + k);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        c[i][j] = fmaf(left.x, right[j].x, c[i][j]);
        c[i][j] = fmaf(left.y, right[j].y, c[i][j]);
        c[i][j] = fmaf(left.z, right[j].z, c[i][j]);
        c[i][j] = fmaf(left.w, right[j].w, c[i][j]);
      }
    }
  }
}

// m = scale · c + diagonal · I
__device__ __forceinline__ void store_tile(const float (&c)[4][4], Place at, float scale, float diagonal, float* m) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = 4 * at.ty + i, column = 4 * at.tx;
    float4 v = make_float4(scale * c[i][0], scale * c[i][1], scale * c[i][2], scale * c[i][3]);
    if (row == column) v.x += diagonal;
    if (row == column + 1) v.y += diagonal;
    if (row == column + 2) v.z += diagonal;
    if (row == column + 3) v.w += diagonal;
    *reinterpret_cast<float4*>(m + row * kStride + column) = v;
  }
}

// Tokens first … first + 63, minus `mean` (null: as they are), as f32; zeros beyond the last token and channel.
template <typename Element>
__device__ __forceinline__ void stage_rows(const Element* rows, int64_t stride, int tokens, int dim, int first,
                                           const float* mean, float* to) {
  for (int i = threadIdx.x; i < kSide * (kSide / 4); i += kThreads) {
    const int n = i / (kSide / 4), c = i % (kSide / 4) * 4;
    float4 v = make_float4(0, 0, 0, 0);
    if (first + n < tokens && c < dim) {
      v = load_elements(rows + (first + n) * stride + c);
      if (mean != nullptr) {
        v = make_float4(v.x - mean[c], v.y - mean[c + 1], v.z - mean[c + 2], v.w - mean[c + 3]);
      }
    }
    *reinterpret_cast<float4*>(to + n * kStride + c) = v;
  }
}

// Means of q and k weighted by the lengths of q, the class token apart. A warp takes every eighth token.
template <typename Element>
__device__ void weighted_means(const Element* q, const Element* k, int64_t stride, int tokens, int dim, Shared& s) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float q0 = 0, q1 = 0, k0 = 0, k1 = 0, lengths = 0;
  for (int n = 1 + warp; n < tokens; n += kWarps) {
    const Element *query = q + n * stride, *key = k + n * stride;
    const bool low = lane < dim, high = lane + 32 < dim;
    const float a0 = low ? to_f32(query[lane]) : 0, a1 = high ? to_f32(query[lane + 32]) : 0;
    const float length = sqrtf(warp_sum(fmaf(a0, a0, a1 * a1)));
    lengths += length;
    q0 = fmaf(length, a0, q0);
    q1 = fmaf(length, a1, q1);
    k0 = fmaf(length, low ? to_f32(key[lane]) : 0, k0);
    k1 = fmaf(length, high ? to_f32(key[lane + 32]) : 0, k1);
  }
  const float unit = 1 / (block_sum<kWarps>(lane == 0 ? lengths : 0, s.partial) + kProcrustesFloor);
  const auto gather = [&](float x0, float x1, float* mean) {
    s.sums[warp][lane] = x0;
    s.sums[warp][lane + 32] = x1;
    __syncthreads();
    if (threadIdx.x < kSide) {
      float sum = 0;
#pragma unroll
      for (int w = 0; w < kWarps; ++w) sum += s.sums[w][threadIdx.x];
      mean[threadIdx.x] = sum * unit;
    }
    __syncthreads();
  };
  gather(q0, q1, s.mean_q);
  gather(k0, k1, s.mean_k);
}

// From s.b_transposed to Z Bᵀ in s.t; returns a.
__device__ float polar_factor(Place at, Shared& s) {
  float c[4][4], other[4][4];
  gram(s.b_transposed, at, c);
  float squares = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) squares = fmaf(c[i][j], c[i][j], squares);
  }
  const float a = fmaxf(sqrtf(block_sum<kWarps>(squares, s.partial)), kProcrustesFloor);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int row = 4 * at.ty + i, column = at.tx + 16 * j;
      const float y = c[i][j] / a + (row == column ? kProcrustesFloor : 0.0f);
      s.y[row * kStride + column] = y;
      s.z[row * kStride + column] = (row == column ? 1.5f : 0.0f) - 0.5f * y;  // the first step's T, and its Z
    }
  }
  __syncthreads();
  product(s.y, s.z, at, c);
  __syncthreads();
  store_tile(c, at, 1, 0, s.y);
  __syncthreads();
  for (int step = 1; step < kProcrustesSteps; ++step) {
    product(s.z, s.y, at, c);
    store_tile(c, at, -0.5f, 1.5f, s.t);
    __syncthreads();
    const bool last = step + 1 == kProcrustesSteps;
    if (!last) product(s.y, s.t, at, c);
    product(s.t, s.z, at, other);
    __syncthreads();
    if (!last) store_tile(c, at, 1, 0, s.y);
    store_tile(other, at, 1, 0, s.z);
    __syncthreads();
  }
  product(s.z, s.b_transposed, at, c);
  store_tile(c, at, 1, 0, s.t);
  __syncthreads();
  return a;
}

template <typename Element>
__global__ void __launch_bounds__(kThreads, 2)
    procrustes_kernel(Element* qkv, int tokens, int heads, int dim, float alpha) {
  extern __shared__ __align__(16) unsigned char memory[];
  Shared& s = *reinterpret_cast<Shared*>(memory);
  const Place at{static_cast<int>(threadIdx.x) / 16, static_cast<int>(threadIdx.x) % 16};
  const int64_t stride = int64_t{3} * heads * dim;
  Element* q =
      qkv + static_cast<int64_t>(blockIdx.x) / heads * tokens * stride + static_cast<int64_t>(blockIdx.x) % heads * dim;
  const Element* k = q + static_cast<int64_t>(heads) * dim;

  weighted_means(q, k, stride, tokens, dim, s);
  float c[4][4] = {};
  for (int first = 0; first < tokens; first += kSide) {
    stage_rows(q, stride, tokens, dim, first, s.mean_q, s.y);
    stage_rows(k, stride, tokens, dim, first, s.mean_k, s.z);
    __syncthreads();
    add_outer(s.y, s.z, at, c);
    __syncthreads();
  }
  store_tile(c, at, 1, 0, s.b_transposed);
  __syncthreads();
  const float factor = 1 / sqrtf(polar_factor(at, s));

  for (int first = 0; first < tokens; first += kSide) {
    stage_rows(q, stride, tokens, dim, first, nullptr, s.y);
    __syncthreads();
    product(s.y, s.t, at, c);
    const int column = 4 * at.tx;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int n = first + 4 * at.ty + i;
      if (n < tokens && column < dim) {
        const float4 key = load_elements(k + n * stride + column);
        const float4 mean = load_4(s.mean_k + column);
        store_elements(
            q + n * stride + column,
            make_float4(fmaf(alpha, key.x - mean.x, factor * c[i][0]), fmaf(alpha, key.y - mean.y, factor * c[i][1]),
                        fmaf(alpha, key.z - mean.z, factor * c[i][2]), fmaf(alpha, key.w - mean.w, factor * c[i][3])));
      }
    }
    __syncthreads();
  }
}

}  // namespace

void procrustes_cuda(const ProcrustesParams& p, CudaQueue queue) {
  check_params(p);
  if (p.batch == 0) return;
  SCLIP_CHECK(is_aligned(p.qkv, 16), kInvalidArgument, "procrustes: qkv does not lie on a 16-byte boundary");
  with_element(p.dtype, [&](auto element) {
    using Element = decltype(element);
    allow_shared_memory(procrustes_kernel<Element>, sizeof(Shared), queue);
    procrustes_kernel<Element><<<grid_size(p.batch * p.heads), kThreads, sizeof(Shared), queue.stream>>>(
        static_cast<Element*>(p.qkv), static_cast<int>(p.tokens), static_cast<int>(p.heads),
        static_cast<int>(p.head_dim), p.alpha);
  });
  check_launch("procrustes", p.batch, " windows of ", p.tokens, " tokens, ", p.heads, " heads of ", p.head_dim);
}

}  // namespace sclip
