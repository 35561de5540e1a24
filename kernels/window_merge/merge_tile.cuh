// What the merge's kernels on CUDA share: the tile, the arguments of all of them, a block's shared memory and where a
// lane is.
#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/window_merge/merge_strips.cuh"
#include "kernels/window_merge/window_merge.h"

namespace sclip::cuda::merge {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kColumns = 32;
constexpr int kRowsPerWarp = 2;
constexpr int kRows = kRowsPerWarp * kWarps;
constexpr int kStep = 8;         // queries of one step of the online softmax
constexpr int kPool = 21 * 256;  // floats
constexpr int kSlots = 64;       // of the block's tally
constexpr float kScoreUnit = 0x1p30f;
constexpr float kLog2e = 1.44269504088896341f;

static_assert(kPool >= kStep * (kMaxGroups + 1) * (kMaxGroups + kWarps));  // one step fits at least

struct ClassTally {
  unsigned long long score_sum;  // in units of 2^-30
  unsigned pixels;
  unsigned max_score;  // bits; scores are not negative, so their bits compare as they do
};

struct Merge {
  const float* logits;
  const int* query_class;
  int queries, classes;
  int64_t logit_count;
  float logit_limit;
  float scale;    // logit_scale · log2 e
  float unscale;  // its inverse
  float prob_threshold, area_threshold;
  MergeAxisTables x, y;
  int64_t plane;
  void* labels;
  bool wide_labels;  // u16
  float* scores;
  float* full_logits;
  float* class_scores;
  MergeFault* fault;
  MergeStatistics* statistics;
  ClassTally* tally;      // (Q) of the results
  ClassTally* raw_tally;  // (Q) before the area filter
  uint8_t* kept_class;    // (Q)
  uint8_t* kept_query;    // (K rounded up to kStep)
};

__device__ __forceinline__ int class_of(const Merge& m, int query) {
  return min(max(m.query_class[query], 0), m.classes - 1);
}

struct Shared {
  alignas(16) float pool[kPool];
  float row_weight[kMaxGroups][kRows];
  int row_begin[kMaxGroups + 1], column_begin[kMaxGroups + 1];
  int row_member[kMaxMembers], column_member[kMaxMembers];
  // The block's tally: slot label % kSlots belongs to the first label that takes it; others go to global memory.
  int slot_label[kSlots];
  unsigned slot_pixels[kSlots], slot_max[kSlots], slot_sum_low[kSlots], slot_sum_high[kSlots];
};

// What a lane knows of its place.
struct Place {
  int lane, warp;
  int x;                // of the lane's pixels
  int y[kRowsPerWarp];  // of the warp's rows
  int row_groups, column_groups;
  const MergeStrip* columns;
  bool direct;  // a strip has too many groups
};

__device__ __forceinline__ void store_label(const Merge& m, int64_t pixel, int label) {
  if (m.wide_labels) {
    static_cast<uint16_t*>(m.labels)[pixel] = static_cast<uint16_t>(label);
  } else {
    static_cast<uint8_t*>(m.labels)[pixel] = static_cast<uint8_t>(label);
  }
}

__device__ __forceinline__ int load_label(const Merge& m, int64_t pixel) {
  return m.wide_labels ? static_cast<const uint16_t*>(m.labels)[pixel] : static_cast<const uint8_t*>(m.labels)[pixel];
}

// Where the block is, and its tables in shared memory. Ends without a barrier.
__device__ __forceinline__ Place enter_tile(const Merge& m, Shared& s) {
  const int column = static_cast<int>(blockIdx.x) % m.x.strip_count,
            row = static_cast<int>(blockIdx.x) / m.x.strip_count;
  const MergeStrip& columns = m.x.strips[column];
  const MergeStrip& rows = m.y.strips[row];
  Place at;
  const int t = static_cast<int>(threadIdx.x);
  at.lane = t % 32;
  at.warp = t / 32;
  at.x = column * kColumns + at.lane;
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) at.y[r] = row * kRows + at.warp + r * kWarps;
  at.columns = &columns;
  at.row_groups = rows.groups;
  at.column_groups = columns.groups;
  at.direct = rows.groups == 0 || columns.groups == 0;
  if (t < kSlots) {
    s.slot_label[t] = -1;
    s.slot_pixels[t] = s.slot_max[t] = s.slot_sum_low[t] = s.slot_sum_high[t] = 0;
  }
  if (at.direct) return at;
  if (t <= at.column_groups) s.column_begin[t] = columns.begin[t];
  if (t <= at.row_groups) s.row_begin[t] = rows.begin[t];
  if (t < columns.begin[at.column_groups]) s.column_member[t] = columns.member[t];
  if (t < rows.begin[at.row_groups]) s.row_member[t] = rows.member[t];
  for (int i = t; i < at.row_groups * kRows; i += kThreads) {
    s.row_weight[i / kRows][i % kRows] = rows.weight[i / kRows][i % kRows] * m.scale;
  }
  return at;
}

}  // namespace sclip::cuda::merge
