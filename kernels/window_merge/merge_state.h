// What window_merge_cpu works on: the plan of a call, the folded logits, and each thread's rows.
#pragma once

#include <cstdint>
#include <vector>

#include "core/buffer.h"
#include "kernels/window_merge/merge_tiles.h"
#include "kernels/window_merge/window_merge.h"

namespace sclip {

// Scores are added as integers, multiples of 2^-30: the order of the additions, and so the number of threads,
// cannot show. Below 2^31 pixels they fit.
inline constexpr float kScoreUnit = 0x1p30f;

struct ClassTally {
  int64_t pixels = 0;
  int64_t score_sum = 0;
  float max_score = 0;
};

// One thread's.
struct MergeRows {
  AlignedBuffer<float> mixed;  // (groups, K) logits of the photo row, still at the patch columns; log2 e · scale times
  AlignedBuffer<float> ceiling;           // (groups) upper bounds of the rows of `mixed`, scaled too
  AlignedBuffer<int32_t> label;           // (tiles, 16)
  AlignedBuffer<float> score;             // (tiles, 16)
  std::vector<ClassTally> tally;          // (Q)
  std::vector<const float*> tile_logits;  // scratch: where the groups of a tile lie
};

struct QueryRange {
  int64_t begin, end;
};

struct WindowMergeWorkspace::State {
  MergeAxis axis_x, axis_y;
  MergeTiles tiles;
  int64_t row_stride = 0;         // elements of a row of `folded`
  AlignedBuffer<float> folded;    // (windows_y · h, groups, K): the logits with the columns of a group added up
  bool narrow = false;            // 2^(scaled logit − its upper bound) ≥ 2^-120 everywhere
  AlignedBuffer<float> ceilings;  // (windows_y · h, groups): maxima of `folded` over the queries
  std::vector<MergeRows> rows;    // one a thread
  std::vector<ClassTally> total;  // (Q)
  std::vector<uint8_t> kept;      // (Q) by the area filter
  std::vector<QueryRange> kept_queries;
};

}  // namespace sclip
