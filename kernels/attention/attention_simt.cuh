// f32 arithmetic without tensor cores: f32 storage, and halves whose rows do not start at 16 bytes. See
// attention_cuda.cu.
#pragma once

#include <cfloat>

#include "kernels/attention/attention_fragments.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/warp.cuh"

namespace sclip::cuda {

constexpr int kSimtRowsPerWarp = 4, kSimtKeys = 64;
// Beyond d = 128 the rows of 4 warps and the keys are more than the 99 KiB that a block has on sm_86, 89 and 120.
constexpr int simt_warps(int head_dim) {
  return head_dim <= 128 ? 4 : 2;
}
constexpr int simt_rows(int head_dim) {
  return simt_warps(head_dim) * kSimtRowsPerWarp;
}

// Floats from one row in shared memory to the next: an odd number of float4, so that eight rows' equal columns lie in
// eight different groups of four banks.
constexpr __host__ __device__ int simt_pitch(int head_dim) {
  return 4 * (head_dim / 4 | 1);
}
constexpr size_t simt_shared_bytes(int head_dim) {
  return sizeof(float) * (static_cast<size_t>(2 * simt_rows(head_dim) + kSimtKeys) * simt_pitch(head_dim) +
                          simt_rows(head_dim) * kSimtKeys);
}

// Rows beyond the last one up to `padded` become zeros.
template <typename T>
__device__ __forceinline__ void simt_copy_rows(float* to, const T* from, int stride, int rows, int padded,
                                               int head_dim) {
  const int lane = threadIdx.x % 32;
  for (int row = threadIdx.x / 32; row < padded; row += static_cast<int>(blockDim.x) / 32) {
    for (int c = lane; c < head_dim; c += 32) {
      to[row * simt_pitch(head_dim) + c] = row < rows ? to_f32(from[row * stride + c]) : 0.0f;
    }
  }
}

template <int kVector>
constexpr int kSimtWarps = simt_warps(32 * kVector);

// kVector: columns of the output a lane holds; 32 · kVector ≥ head_dim, both even.
template <typename T, int kVector>
__global__ void __launch_bounds__(32 * kSimtWarps<kVector>, kVector < 8 ? 4 : 3)
    attention_simt_kernel(const AttentionArgs<T> p, int kinds) {
  extern __shared__ float4 simt_memory[];
  constexpr int kSimtRows = kSimtWarps<kVector> * kSimtRowsPerWarp;
  const int dim = p.head_dim, pitch = simt_pitch(dim);
  float* const left = reinterpret_cast<float*>(simt_memory);  // (kinds, kSimtRows) rows
  float* const right = left + 2 * kSimtRows * pitch;          // (kSimtKeys) rows of q, k or v
  float* const weights = right + kSimtKeys * pitch;           // (warps, kSimtKeys, kSimtRowsPerWarp)

  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int first_row = blockIdx.x * kSimtRows;
  const int width = p.heads * dim, stride = 3 * width;
  const T* const qkv = qkv_of_head(p);
  const int block_rows = min(kSimtRows, p.tokens - first_row);
  const int row = first_row + warp * kSimtRowsPerWarp;
  const int columns = p.causal ? first_row + block_rows : p.tokens;

  for (int kind = 0; kind < kinds; ++kind) {
    const int matrix = kinds == 2 ? kind : p.left;
    simt_copy_rows(left + kind * kSimtRows * pitch, qkv + matrix * width + first_row * stride, stride, block_rows,
                   kSimtRows, dim);
  }

  // Natural scores of the warp's four rows with columns first + lane and first + lane + 32, −∞ where there are none.
  float s[kSimtRowsPerWarp][2];
  const auto scores = [&](int kind, int first) {
    const int count = min(kSimtKeys, columns - first);
    __syncthreads();
    simt_copy_rows(right, qkv + (kinds == 2 ? kind : p.right) * width + first * stride, stride, count, count, dim);
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kSimtRowsPerWarp; ++r) s[r][0] = s[r][1] = 0;
    const float* const a = left + (kind * kSimtRows + warp * kSimtRowsPerWarp) * pitch;
    const float* const b0 = right + min(lane, count - 1) * pitch;
    const float* const b1 = right + min(lane + 32, count - 1) * pitch;
#pragma unroll 2
    for (int c = 0; c < dim; c += 4) {
      const float4 x = *reinterpret_cast<const float4*>(b0 + c), y = *reinterpret_cast<const float4*>(b1 + c);
#pragma unroll
      for (int r = 0; r < kSimtRowsPerWarp; ++r) {
        const float4 q = *reinterpret_cast<const float4*>(a + r * pitch + c);
        s[r][0] = fmaf(q.w, x.w, fmaf(q.z, x.z, fmaf(q.y, x.y, fmaf(q.x, x.x, s[r][0]))));
        s[r][1] = fmaf(q.w, y.w, fmaf(q.z, y.z, fmaf(q.y, y.y, fmaf(q.x, y.x, s[r][1]))));
      }
    }
#pragma unroll
    for (int r = 0; r < kSimtRowsPerWarp; ++r) {
      const int y = min(row + r, p.tokens - 1);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int x = first + lane + 32 * h;
        if (x >= columns || (p.causal && x > y)) {
          s[r][h] = -INFINITY;
        } else {
          s[r][h] *= p.slope;
          if (p.bias != nullptr) s[r][h] += p.bias[static_cast<int64_t>(y) * p.tokens + x];
        }
      }
    }
  };

  // First pass: each row's maximum and the sum of its exponentials. A lane keeps those of its own columns.
  float largest[2][kSimtRowsPerWarp], inverse[2][kSimtRowsPerWarp];
#pragma unroll
  for (int kind = 0; kind < 2; ++kind) {
    if (kind >= kinds) break;
    float sum[kSimtRowsPerWarp];
#pragma unroll
    for (int r = 0; r < kSimtRowsPerWarp; ++r) {
      largest[kind][r] = -FLT_MAX;  // finite: no ∞ − ∞ where a lane has no column
      sum[r] = 0;
    }
    for (int first = 0; first < columns; first += kSimtKeys) {
      scores(kind, first);
#pragma unroll
      for (int r = 0; r < kSimtRowsPerWarp; ++r) {
        const float m = fmaxf(largest[kind][r], fmaxf(s[r][0], s[r][1]));
        sum[r] = sum[r] * expf(largest[kind][r] - m) + (expf(s[r][0] - m) + expf(s[r][1] - m));
        largest[kind][r] = m;
      }
    }
#pragma unroll
    for (int r = 0; r < kSimtRowsPerWarp; ++r) {
      const float m = warp_max(largest[kind][r]);
      inverse[kind][r] = 1.0f / warp_sum(sum[r] * expf(largest[kind][r] - m));
      largest[kind][r] = m;
    }
  }

  // Second pass: the scores again, probabilities of all kinds added, then V.
  float o[kSimtRowsPerWarp][kVector] = {};
  float4* const my_weights = reinterpret_cast<float4*>(weights) + warp * kSimtKeys;
  for (int first = 0; first < columns; first += kSimtKeys) {
    float w[kSimtRowsPerWarp][2] = {};
#pragma unroll
    for (int kind = 0; kind < 2; ++kind) {
      if (kind >= kinds) break;
      scores(kind, first);
#pragma unroll
      for (int r = 0; r < kSimtRowsPerWarp; ++r) {
#pragma unroll
        for (int h = 0; h < 2; ++h) w[r][h] = fmaf(expf(s[r][h] - largest[kind][r]), inverse[kind][r], w[r][h]);
      }
    }
    const int count = min(kSimtKeys, columns - first);
    __syncthreads();
    simt_copy_rows(right, qkv + 2 * width + first * stride, stride, count, count, dim);
    my_weights[lane] = make_float4(w[0][0], w[1][0], w[2][0], w[3][0]);
    my_weights[lane + 32] = make_float4(w[0][1], w[1][1], w[2][1], w[3][1]);
    __syncthreads();
    for (int j = 0; j < count; ++j) {
      const float4 x = my_weights[j];
#pragma unroll
      for (int i = 0; i < kVector / 2; ++i) {
        const int c = (i * 32 + lane) * 2;
        if (c >= dim) break;
        const float2 v = *reinterpret_cast<const float2*>(right + j * pitch + c);
        o[0][2 * i] = fmaf(x.x, v.x, o[0][2 * i]), o[0][2 * i + 1] = fmaf(x.x, v.y, o[0][2 * i + 1]);
        o[1][2 * i] = fmaf(x.y, v.x, o[1][2 * i]), o[1][2 * i + 1] = fmaf(x.y, v.y, o[1][2 * i + 1]);
        o[2][2 * i] = fmaf(x.z, v.x, o[2][2 * i]), o[2][2 * i + 1] = fmaf(x.z, v.y, o[2][2 * i + 1]);
        o[3][2 * i] = fmaf(x.w, v.x, o[3][2 * i]), o[3][2 * i + 1] = fmaf(x.w, v.y, o[3][2 * i + 1]);
      }
    }
  }
#pragma unroll
  for (int r = 0; r < kSimtRowsPerWarp; ++r) {
    if (row + r >= p.tokens) break;
    T* const out = out_of_row(p, row + r);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      const int c = (i / 2 * 32 + lane) * 2 + i % 2;
      if (c < dim) out[c] = from_f32<T>(o[r][i]);
    }
  }
}

}  // namespace sclip::cuda
