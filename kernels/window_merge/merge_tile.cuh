// What the merge's kernels on CUDA share: the tile, the arguments of all of them, a block's shared memory and where a
// lane is.
#pragma once

#include "kernels/label_planes/label_tally.cuh"
#include "kernels/window_merge/merge_strips.cuh"
#include "kernels/window_merge/window_merge.h"

namespace sclip::cuda::merge {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kColumns = 32;
constexpr int kRowsPerWarp = 2;
constexpr int kRows = kRowsPerWarp * kWarps;
constexpr int kPool = 21 * 256;  // floats

static_assert(kPool >= kStep * (kMaxGroups + 1) * (kMaxGroups + kWarps));  // one step fits at least

struct Merge {
  const float* logits;       // of the first query that is wanted
  int queries, query_pitch;  // wanted; of a patch in all
  MergeAxisTables x, y;
  int64_t plane;
  // window_planes
  float* planes;
  // window_merge
  Labelling l;
  LabelTally* tally;      // (label_slots) of the results
  LabelTally* raw_tally;  // (Q) before the area filter
  uint8_t* kept_class;    // (Q)
  uint8_t* kept_query;    // (K rounded up to kStep)
  // What is checked.
  const float* all_logits;
  int64_t logit_count;
  float logit_limit;
  MergeFault* fault;
};

struct Shared {
  alignas(16) float pool[kPool];
  float row_weight[kMaxGroups][kRows];
  int row_begin[kMaxGroups + 1], column_begin[kMaxGroups + 1];
  int row_member[kMaxMembers], column_member[kMaxMembers];
  TallySlots tally;
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
  clear_slots(s.tally);
  if (at.direct) return at;
  if (t <= at.column_groups) s.column_begin[t] = columns.begin[t];
  if (t <= at.row_groups) s.row_begin[t] = rows.begin[t];
  if (t < columns.begin[at.column_groups]) s.column_member[t] = columns.member[t];
  if (t < rows.begin[at.row_groups]) s.row_member[t] = rows.member[t];
  for (int i = t; i < at.row_groups * kRows; i += kThreads) {
    s.row_weight[i / kRows][i % kRows] = rows.weight[i / kRows][i % kRows];
  }
  return at;
}

}  // namespace sclip::cuda::merge
