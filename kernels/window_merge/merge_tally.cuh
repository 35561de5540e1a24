// Counts, sums and maxima of every class: a small table in shared memory for each block, then global memory; and what
// is made of them between and after the passes.
#pragma once

#include "kernels/window_merge/merge_tile.cuh"

namespace sclip::cuda::merge {

__device__ __forceinline__ void add_to_global(ClassTally& tally, unsigned pixels, unsigned long long sum,
                                              unsigned max) {
  atomicAdd(&tally.pixels, pixels);
  atomicAdd(&tally.score_sum, sum);
  atomicMax(&tally.max_score, max);
}

// Adds a warp's row, class by class: neighbours mostly share one. Lanes outside the photo come with label −1 and score
// 0.
__device__ __forceinline__ void tally_row(Shared& s, ClassTally* tally, int lane, int label, float score) {
  const auto units = static_cast<unsigned>(static_cast<int>(__fadd_rn(score * kScoreUnit, 0.5f)));
  __syncwarp();
  unsigned left = __ballot_sync(kFullWarp, label >= 0);
  while (left != 0) {
    const int current = __shfl_sync(kFullWarp, label, __ffs(static_cast<int>(left)) - 1);
    const unsigned members = __ballot_sync(kFullWarp, label == current);
    left &= ~members;
    const unsigned mine = (members >> lane & 1) != 0 ? 0xffffffffu : 0;
    // In halves: the sums of 512 pixels fit 32 bits.
    const unsigned low = __reduce_add_sync(kFullWarp, units & 0xffff & mine);
    const unsigned high = __reduce_add_sync(kFullWarp, units >> 16 & mine);
    const unsigned most = __reduce_max_sync(kFullWarp, __float_as_uint(score) & mine);
    if (lane == 0) {
      const auto pixels = static_cast<unsigned>(__popc(members));
      const int slot = current % kSlots;
      const int owner = atomicCAS(&s.slot_label[slot], -1, current);
      if (owner == -1 || owner == current) {
        atomicAdd(&s.slot_pixels[slot], pixels);
        atomicAdd(&s.slot_sum_low[slot], low);
        atomicAdd(&s.slot_sum_high[slot], high);
        atomicMax(&s.slot_max[slot], most);
      } else {
        add_to_global(tally[current], pixels, (static_cast<unsigned long long>(high) << 16) + low, most);
      }
    }
    __syncwarp();
  }
}

__device__ __forceinline__ void leave_tile(const Shared& s, ClassTally* tally) {
  __syncthreads();
  const int t = static_cast<int>(threadIdx.x);
  if (t >= kSlots || s.slot_label[t] < 0) return;
  add_to_global(tally[s.slot_label[t]], s.slot_pixels[t],
                (static_cast<unsigned long long>(s.slot_sum_high[t]) << 16) + s.slot_sum_low[t], s.slot_max[t]);
}

// One block. Which classes the filter keeps, from the raw counts; in f32, as torch compares them.
__global__ void __launch_bounds__(1024) window_merge_choose_kernel(const __grid_constant__ Merge m) {
  __shared__ unsigned foreground;
  const int t = static_cast<int>(threadIdx.x);
  if (t == 0) foreground = 0;
  __syncthreads();
  unsigned count = 0;
  for (int q = t; q < m.classes; q += 1024) count += q == 0 ? 0 : m.raw_tally[q].pixels;
  count = __reduce_add_sync(kFullWarp, count);
  if (t % 32 == 0) atomicAdd(&foreground, count);
  __syncthreads();
  const float enough = __fmul_rn(m.area_threshold, static_cast<float>(foreground));
  const auto keeps = [&](int q) { return q == 0 || static_cast<float>(m.raw_tally[q].pixels) > enough; };
  for (int q = t; q < m.classes; q += 1024) m.kept_class[q] = keeps(q) ? 1 : 0;
  const int padded = (m.queries + kStep - 1) / kStep * kStep;
  for (int k = t; k < padded; k += 1024) m.kept_query[k] = k < m.queries && keeps(class_of(m, k)) ? 1 : 0;
}

// blockIdx.x = class · parts + part.
__global__ void __launch_bounds__(kThreads) window_merge_clear_kernel(const __grid_constant__ Merge m, int parts) {
  const int q = static_cast<int>(blockIdx.x) / parts;
  if (m.kept_class[q] != 0) return;
  const int64_t first = static_cast<int64_t>(static_cast<int>(blockIdx.x) % parts) * kThreads + threadIdx.x;
  for (int64_t i = first; i < m.plane; i += static_cast<int64_t>(parts) * kThreads) m.class_scores[q * m.plane + i] = 0;
}

__global__ void __launch_bounds__(kThreads) window_merge_statistics_kernel(const __grid_constant__ Merge m) {
  const int q = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (q >= m.classes) return;
  const ClassTally& t = m.tally[q];
  m.statistics[q].pixels = t.pixels;
  m.statistics[q].score_sum = static_cast<double>(t.score_sum) * (1.0 / static_cast<double>(kScoreUnit));
  m.statistics[q].max_score = __uint_as_float(t.max_score);
}

}  // namespace sclip::cuda::merge
