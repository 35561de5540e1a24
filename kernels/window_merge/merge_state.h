// What the CPU's window_merge works on: the plan of a call, the folded logits, and each worker's rows.
#pragma once

#include <cstdint>
#include <vector>

#include "core/buffer.h"
#include "kernels/label_planes/label_state.h"
#include "kernels/window_merge/merge_tiles.h"
#include "kernels/window_merge/window_merge.h"

namespace sclip {

// A worker's.
struct MergeRows {
  AlignedBuffer<float> mixed;             // (groups, K) logits of the photo row, still at the patch columns
  AlignedBuffer<int32_t> label;           // (tiles, 16)
  AlignedBuffer<float> score;             // (tiles, 16)
  std::vector<LabelTally> tally;          // (label_slots)
  std::vector<const float*> tile_logits;  // scratch: where the groups of a tile lie
};

struct QueryRange {
  int64_t begin, end;
};

struct WindowMergeWorkspace::State {
  MergeAxis axis_x, axis_y;
  MergeTiles tiles;
  QueryRange range{};             // the queries of this call; the K of the shapes below
  int64_t row_stride = 0;         // elements of a row of `folded`
  AlignedBuffer<float> folded;    // (windows_y · h, groups, K): the logits with the columns of a group added up
  bool narrow = false;            // no scaled logit is further than kReferenceRange from another
  std::vector<MergeRows> rows;    // one a worker
  std::vector<LabelTally> total;  // (label_slots)
  std::vector<uint8_t> kept;      // (Q) by the area filter
  std::vector<QueryRange> kept_queries;
};

}  // namespace sclip
