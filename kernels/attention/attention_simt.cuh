// f32 arithmetic without tensor cores: f32 storage, and halves whose rows do not start at 16 bytes. See
// attention_cuda.cu.
#pragma once

#include <cfloat>

#include "kernels/attention/attention_general.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/warp.cuh"

namespace sclip::cuda {

constexpr int kSimtRowsPerWarp = 4, kSimtKeys = 64;
// Columns of the output a lane holds, which is what an instance is compiled for; 32 times as many are ≥ d. General
// probabilities have fewer instances.
constexpr int simt_vector(int64_t head_dim, bool general) {
  return head_dim <= 64 ? 2 : head_dim <= 128 && !general ? 4 : 8;
}
// Beyond d = 128 the rows of 4 warps and the keys are more than the 99 KiB that a block has on sm_86, 89 and 120.
constexpr __host__ __device__ int simt_warps(int vector) {
  return vector <= 4 ? 4 : 2;
}
constexpr __host__ __device__ int simt_rows(int vector) {
  return simt_warps(vector) * kSimtRowsPerWarp;
}

// Floats from one row in shared memory to the next: an odd number of float4, so that eight rows' equal columns lie in
// eight different groups of four banks.
constexpr __host__ __device__ int simt_pitch(int head_dim) {
  return 4 * (head_dim / 4 | 1);
}
// Kinds of scores that there is room for.
constexpr __host__ __device__ int simt_kinds(bool general) {
  return general ? kMostSoftmaxes : 2;
}
constexpr size_t simt_shared_bytes(int head_dim, bool general) {
  const int rows = simt_rows(simt_vector(head_dim, general));
  return sizeof(float) *
         (static_cast<size_t>(simt_kinds(general) * rows + kSimtKeys) * simt_pitch(head_dim) + rows * kSimtKeys);
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

// Blocks that the registers of an SM are meant to hold.
constexpr int simt_blocks(int vector, bool general) {
  return general ? 2 : vector == 2 ? 4 : 3;
}
template <typename T, bool kGeneral>
using SimtArgs = std::conditional_t<kGeneral, GeneralArgs<T>, AttentionArgs<T>>;

// One head of a block's rows. `kinds` is how many softmaxes there are.
template <typename T, int kVector, bool kGeneral>
__device__ __forceinline__ void simt_head(const SimtArgs<T, kGeneral>& p, int kinds, int head, float* memory) {
  constexpr int kSimtRows = simt_rows(kVector);
  constexpr int kKinds = simt_kinds(kGeneral);
  const int dim = p.head_dim, pitch = simt_pitch(dim);
  float* const left = memory;                              // (kinds, kSimtRows) rows
  float* const right = left + kKinds * kSimtRows * pitch;  // (kSimtKeys) rows of q, k or v
  float* const weights = right + kSimtKeys * pitch;        // (warps, kSimtKeys, kSimtRowsPerWarp)

  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int first_row = blockIdx.x * kSimtRows;
  const int width = p.heads * dim, stride = 3 * width;
  const T* const qkv = qkv_of_head(p, head);
  const int block_rows = min(kSimtRows, p.tokens - first_row);
  const int row = first_row + warp * kSimtRowsPerWarp;
  const int columns = p.causal ? first_row + block_rows : p.tokens;
  const T* values = qkv;
  bool multiplied = true;  // or all scores are 0
  float scale = p.softmax_scale;
  if constexpr (kGeneral) {
    multiplied = p.products > 0;
    scale *= p.window_scale();
    values = of_head(p, p.values, head);
  }

  for (int kind = 0; kind < kinds && multiplied; ++kind) {
    const int matrix = kinds > 1 ? kind : p.left;
    simt_copy_rows(left + kind * kSimtRows * pitch, qkv + matrix * width + first_row * stride, stride, block_rows,
                   kSimtRows, dim);
  }

  const auto add_bias = [&](float& score, int y, int x) {
    if constexpr (kGeneral) {
      if (p.biases.data != nullptr) score += p.biases.row(head, y)[x];
    } else {
      if (p.bias != nullptr) score += p.bias[static_cast<int64_t>(y) * p.tokens + x];
    }
  };
  // Natural scores of the warp's four rows with columns first + lane and first + lane + 32, −∞ where there are none.
  float s[kSimtRowsPerWarp][2];
  const auto scores = [&](int kind, int first) {
    const int count = min(kSimtKeys, columns - first);
#pragma unroll
    for (int r = 0; r < kSimtRowsPerWarp; ++r) s[r][0] = s[r][1] = 0;
    if (multiplied) {
      __syncthreads();
      simt_copy_rows(right, qkv + (kinds > 1 ? kind : p.right) * width + first * stride, stride, count, count, dim);
      __syncthreads();
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
          s[r][h] *= scale;
          add_bias(s[r][h], y, x);
        }
      }
    }
  };

  // First pass: each row's maximum and the sum of its exponentials. A lane keeps those of its own columns.
  float largest[kKinds][kSimtRowsPerWarp], inverse[kKinds][kSimtRowsPerWarp];
#pragma unroll
  for (int kind = 0; kind < kKinds; ++kind) {
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
    for (int kind = 0; kind < kKinds; ++kind) {
      if (kind >= kinds) break;
      scores(kind, first);
#pragma unroll
      for (int r = 0; r < kSimtRowsPerWarp; ++r) {
#pragma unroll
        for (int h = 0; h < 2; ++h) w[r][h] = fmaf(expf(s[r][h] - largest[kind][r]), inverse[kind][r], w[r][h]);
      }
    }
    if constexpr (kGeneral) {
#pragma unroll
      for (int r = 0; r < kSimtRowsPerWarp; ++r) {
        const int y = min(row + r, p.tokens - 1);
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          const int x = first + lane + 32 * h;
          if (x >= columns) continue;
          w[r][h] *= p.softmax_weight;
          if (p.added.data != nullptr) w[r][h] = fmaf(p.added_weight, p.added.row(head, y)[x], w[r][h]);
          if (p.probabilities != nullptr && row + r < p.tokens) ProbabilityRow<T>(p, head, y).put(x, w[r][h]);
        }
      }
      if (p.out == nullptr) continue;
    }
    const int count = min(kSimtKeys, columns - first);
    __syncthreads();
    simt_copy_rows(right, values + 2 * width + first * stride, stride, count, count, dim);
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
  if constexpr (kGeneral) {
    if (p.out == nullptr) return;
  }
#pragma unroll
  for (int r = 0; r < kSimtRowsPerWarp; ++r) {
    if (row + r >= p.tokens) break;
    T* const out = out_of_row(p, row + r, head);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      const int c = (i / 2 * 32 + lane) * 2 + i % 2;
      if (c < dim) out[c] = from_f32<T>(o[r][i]);
    }
  }
}

// kGeneral: P may be more than softmaxes of scores, and a result.
template <typename T, int kVector, bool kGeneral>
__global__ void __launch_bounds__(32 * simt_warps(kVector), simt_blocks(kVector, kGeneral))
    attention_simt_kernel(const SimtArgs<T, kGeneral> p, int kinds) {
  extern __shared__ float4 simt_memory[];
  auto* const memory = reinterpret_cast<float*>(simt_memory);
  if constexpr (kGeneral) {
    for (int head = blockIdx.y; head < p.heads; head += static_cast<int>(gridDim.y)) {
      simt_head<T, kVector, true>(p, kinds, head, memory);
      __syncthreads();  // before the next head's rows take the place of these
    }
  } else {
    simt_head<T, kVector, false>(p, kinds, recompute(blockIdx.y), memory);
  }
}

}  // namespace sclip::cuda
