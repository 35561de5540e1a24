// All queries' logits at a block's pixels, step by step: folded and mixed in shared memory, or from the taps of each
// pixel.
#pragma once

#include "kernels/window_merge/merge_tile.cuh"

namespace sclip::cuda::merge {

// S and M hold steps of 8 queries: the 8 of the first column group, of the second and so on, so that a step of one
// pixel reads at constant distances. The pitch, in floats, is an odd number of eights: fold writes 4 steps of a group
// at once.
__host__ __device__ constexpr int pitch_of(int column_groups) {
  return (column_groups | 1) * kStep;
}

// Queries that fit shared memory at once: even chunks, a multiple of kStep.
__device__ __forceinline__ int chunk_size(int queries, int row_groups, int column_groups) {
  const int most = kPool / (pitch_of(column_groups) * (row_groups + kWarps)) * kStep;
  const int chunks = (queries + most - 1) / most;
  return ((queries + chunks - 1) / chunks + kStep - 1) / kStep * kStep;
}

// S[gy] for queries k0 … k0 + chunk; zeros past the last query.
__device__ __forceinline__ void fold(const Merge& m, Shared& s, const Place& at, float* folded, int k0, int chunk) {
  const int parts = (chunk + 31) / 32;
  const int tasks = at.row_groups * at.column_groups * parts;
  const int pitch = pitch_of(at.column_groups);
  for (int task = at.warp; task < tasks; task += kWarps) {
    const int group = task / parts, k = task % parts * 32 + at.lane;
    if (k >= chunk) continue;
    const int gy = group / at.column_groups, gx = group % at.column_groups;
    float sum = 0;
    if (k0 + k < m.queries) {
#pragma unroll 1
      for (int r = s.row_begin[gy]; r < s.row_begin[gy + 1]; ++r) {
#pragma unroll 2
        for (int c = s.column_begin[gx]; c < s.column_begin[gx + 1]; ++c) {
          sum += m.logits[static_cast<int64_t>(s.row_member[r] + s.column_member[c]) * m.query_pitch + k0 + k];
        }
      }
    }
    folded[(gy * (chunk / kStep) + k / kStep) * pitch + gx * kStep + k % kStep] = sum;
  }
}

// M of row `row` of the tile. Where the pitch leaves a gap, so does S: nobody reads it.
__device__ __forceinline__ void mix(const Shared& s, const Place& at, const float* folded, float* mixed, int row,
                                    int chunk) {
  const int vectors = pitch_of(at.column_groups) * (chunk / kStep) / 4;
  for (int i = at.lane; i < vectors; i += 32) {
    float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 1
    for (int gy = 0; gy < at.row_groups; ++gy) {
      const float w = s.row_weight[gy][row];
      const float4 v = reinterpret_cast<const float4*>(folded)[gy * vectors + i];
      sum = make_float4(fmaf(w, v.x, sum.x), fmaf(w, v.y, sum.y), fmaf(w, v.z, sum.z), fmaf(w, v.w, sum.w));
    }
    reinterpret_cast<float4*>(mixed)[i] = sum;
  }
}

__device__ __forceinline__ void axpy(float (&x)[kStep], float w, const float* mixed) {
  const float4 a = *reinterpret_cast<const float4*>(mixed), b = *reinterpret_cast<const float4*>(mixed + 4);
  x[0] = fmaf(w, a.x, x[0]), x[1] = fmaf(w, a.y, x[1]), x[2] = fmaf(w, a.z, x[2]), x[3] = fmaf(w, a.w, x[3]);
  x[4] = fmaf(w, b.x, x[4]), x[5] = fmaf(w, b.y, x[5]), x[6] = fmaf(w, b.z, x[6]), x[7] = fmaf(w, b.w, x[7]);
}

// Past the last query there is nothing that could be the best or add to the sum.
__device__ __forceinline__ void mask_tail(float (&x)[kStep], int k, int queries) {
  if (k + kStep <= queries) return;
#pragma unroll
  for (int j = 0; j < kStep; ++j) {
    if (k + j >= queries) x[j] = -INFINITY;
  }
}

// Calls visit(r, x, k) for row r of the warp's `wanted` rows and x the logits of queries k … k + 7 at the lane's
// pixel. All threads of the block take part. kGroups: column groups; 0: any number.
template <int kGroups, typename Visit>
__device__ __forceinline__ void sweep(const Merge& m, Shared& s, const Place& at, const bool (&wanted)[kRowsPerWarp],
                                      const Visit& visit) {
  const int groups = kGroups == 0 ? at.column_groups : kGroups;
  const int chunk = chunk_size(m.queries, at.row_groups, groups);
  const int pitch = pitch_of(groups);
  float* mixed = s.pool + at.warp * pitch * (chunk / kStep);
  float* folded = s.pool + kWarps * pitch * (chunk / kStep);
  const float* weights = &at.columns->weight[0][at.lane];
  float w[kGroups == 0 ? 1 : kGroups];
  if constexpr (kGroups != 0) {
#pragma unroll
    for (int g = 0; g < kGroups; ++g) w[g] = weights[g * kStripLanes];
  }
  for (int k0 = 0; k0 < m.queries; k0 += chunk) {
    __syncthreads();
    fold(m, s, at, folded, k0, chunk);
    __syncthreads();
    const int count = min(chunk, m.queries - k0);
#pragma unroll
    for (int r = 0; r < kRowsPerWarp; ++r) {
      if (!wanted[r]) continue;
      mix(s, at, folded, mixed, at.warp + r * kWarps, chunk);
      __syncwarp();
      const float* step = mixed;
#pragma unroll 1
      for (int k = 0; k < count; k += kStep, step += pitch) {
        float x[kStep] = {};
        if constexpr (kGroups != 0) {
#pragma unroll
          for (int g = 0; g < kGroups; ++g) axpy(x, w[g], step + g * kStep);
        } else {
#pragma unroll 1
          for (int g = 0; g < groups; ++g) axpy(x, weights[g * kStripLanes], step + g * kStep);
        }
        mask_tail(x, k0 + k, m.queries);
        visit(r, x, k0 + k);
      }
      __syncwarp();  // before the next row is mixed
    }
  }
}

// The same from the taps of each pixel, without shared memory.
template <typename Visit>
__device__ __forceinline__ void sweep_direct(const Merge& m, const Place& at, const bool (&wanted)[kRowsPerWarp],
                                             const Visit& visit) {
  const int column_taps = at.x < m.x.photo ? m.x.taps[at.x] : 0;
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    if (!wanted[r]) continue;
    const int row_taps = m.y.taps[at.y[r]];
#pragma unroll 1
    for (int k = 0; k < m.queries; k += kStep) {
      float x[kStep] = {};
#pragma unroll 1
      for (int i = 0; i < row_taps; ++i) {
        const int64_t tap_y = static_cast<int64_t>(i) * m.y.photo + at.y[r];
        const float wy = m.y.weight[tap_y];
#pragma unroll 1
        for (int j = 0; j < column_taps; ++j) {
          const int64_t tap_x = static_cast<int64_t>(j) * m.x.photo + at.x;
          const float w = wy * m.x.weight[tap_x];
          const float* from = m.logits + static_cast<int64_t>(m.y.cell[tap_y] + m.x.cell[tap_x]) * m.query_pitch + k;
#pragma unroll
          for (int q = 0; q < kStep; ++q) {
            if (k + q < m.queries) x[q] = fmaf(w, from[q], x[q]);
          }
        }
      }
      mask_tail(x, k, m.queries);
      visit(r, x, k);
    }
  }
}

template <typename Visit>
__device__ __forceinline__ void sweep_any(const Merge& m, Shared& s, const Place& at,
                                          const bool (&wanted)[kRowsPerWarp], const Visit& visit) {
  if (at.direct) return sweep_direct(m, at, wanted, visit);
  switch (at.column_groups) {
    case 1: return sweep<1>(m, s, at, wanted, visit);
    case 2: return sweep<2>(m, s, at, wanted, visit);
    case 3: return sweep<3>(m, s, at, wanted, visit);
    case 4: return sweep<4>(m, s, at, wanted, visit);
    case 5: return sweep<5>(m, s, at, wanted, visit);
    case 6: return sweep<6>(m, s, at, wanted, visit);
    default: return sweep<0>(m, s, at, wanted, visit);
  }
}

}  // namespace sclip::cuda::merge
