// Counts, sums and maxima of every class on a CUDA device: a small table in shared memory for each block, then global
// memory; and what is made of them between and after the passes.
// Integers, so that the order of blocks cannot show: pixels, scores rounded to 2^-30, the maximum's bits.
#pragma once

#include "kernels/label_planes/labelling.cuh"

namespace sclip::cuda {

// Slot label % kSlots belongs to the first label that takes it; others go to global memory.
struct TallySlots {
  static constexpr int kSlots = 64;
  int label[kSlots];
  unsigned pixels[kSlots], max_score[kSlots], sum_low[kSlots], sum_high[kSlots];
};

// Ends without a barrier.
__device__ __forceinline__ void clear_slots(TallySlots& s) {
  const int t = static_cast<int>(threadIdx.x);
  if (t >= TallySlots::kSlots) return;
  s.label[t] = -1;
  s.pixels[t] = s.max_score[t] = s.sum_low[t] = s.sum_high[t] = 0;
}

__device__ __forceinline__ void add_to_global(LabelTally& tally, unsigned pixels, unsigned long long sum,
                                              unsigned max_score) {
  atomicAdd(&tally.pixels, pixels);
  atomicAdd(reinterpret_cast<unsigned long long*>(&tally.score_sum), sum);
  atomicMax(&tally.max_score, max_score);
}

// Adds a warp's pixels, label by label: neighbours mostly share one. `label` is a slot_of; lanes with nothing to add
// come with −1 and score 0.
__device__ __forceinline__ void tally_warp(TallySlots& s, LabelTally* tally, int lane, int label, float score) {
  const auto units = static_cast<unsigned>(static_cast<int>(__fadd_rn(score * kScoreUnit, 0.5f)));
  __syncwarp();
  unsigned left = __ballot_sync(kFullWarp, label >= 0);
  while (left != 0) {
    const int current = __shfl_sync(kFullWarp, label, __ffs(static_cast<int>(left)) - 1);
    const unsigned members = __ballot_sync(kFullWarp, label == current);
    left &= ~members;
    const unsigned mine = (members >> lane & 1) != 0 ? 0xffffffffu : 0;
    // In halves: the sums of a block's pixels fit 32 bits.
    const unsigned low = __reduce_add_sync(kFullWarp, units & 0xffff & mine);
    const unsigned high = __reduce_add_sync(kFullWarp, units >> 16 & mine);
    const unsigned most = __reduce_max_sync(kFullWarp, __float_as_uint(score) & mine);
    if (lane == 0) {
      const auto pixels = static_cast<unsigned>(__popc(members));
      const int slot = current % TallySlots::kSlots;
      const int owner = atomicCAS(&s.label[slot], -1, current);
      if (owner == -1 || owner == current) {
        atomicAdd(&s.pixels[slot], pixels);
        atomicAdd(&s.sum_low[slot], low);
        atomicAdd(&s.sum_high[slot], high);
        atomicMax(&s.max_score[slot], most);
      } else {
        add_to_global(tally[current], pixels, (static_cast<unsigned long long>(high) << 16) + low, most);
      }
    }
    __syncwarp();
  }
}

// Starts with a barrier.
__device__ __forceinline__ void leave_slots(const TallySlots& s, LabelTally* tally) {
  __syncthreads();
  const int t = static_cast<int>(threadIdx.x);
  if (t >= TallySlots::kSlots || s.label[t] < 0) return;
  add_to_global(tally[s.label[t]], s.pixels[t], (static_cast<unsigned long long>(s.sum_high[t]) << 16) + s.sum_low[t],
                s.max_score[t]);
}

// Which classes the area filter keeps, from the raw counts; in f32, as torch compares them. One block of 1024 threads.
// kept_query: (K rounded up to kStep), or null.
__device__ __forceinline__ void choose_kept(const Labelling& l, const LabelTally* raw, uint8_t* kept_class,
                                            uint8_t* kept_query) {
  __shared__ unsigned foreground;
  const int t = static_cast<int>(threadIdx.x);
  if (t == 0) foreground = 0;
  __syncthreads();
  unsigned count = 0;
  for (int q = t; q < l.classes; q += 1024) count += q == 0 ? 0 : raw[q].pixels;
  count = __reduce_add_sync(kFullWarp, count);
  if (t % 32 == 0) atomicAdd(&foreground, count);
  __syncthreads();
  const float enough = __fmul_rn(l.area_threshold, static_cast<float>(foreground));
  const auto keeps = [&](int q) { return q == 0 || static_cast<float>(raw[q].pixels) > enough; };
  for (int q = t; q < l.classes; q += 1024) kept_class[q] = keeps(q) ? 1 : 0;
  if (kept_query == nullptr) return;
  const int padded = (l.queries + kStep - 1) / kStep * kStep;
  for (int k = t; k < padded; k += 1024) kept_query[k] = k < l.queries && keeps(class_of(l, k)) ? 1 : 0;
}

// A thread a label.
__device__ __forceinline__ void write_statistics(const Labelling& l, const LabelTally* total) {
  const int q = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (q >= l.slots) return;
  l.statistics[q].pixels = total[q].pixels;
  l.statistics[q].score_sum = static_cast<double>(total[q].score_sum) * (1.0 / static_cast<double>(kScoreUnit));
  l.statistics[q].max_score = __uint_as_float(total[q].max_score);
}

}  // namespace sclip::cuda
