// What is made of the classes' tallies between and after the passes, on the host.
#pragma once

#include <algorithm>
#include <bit>

#include "kernels/label_planes/label_state.h"

namespace sclip {

// Adds `from` to `to`, label by label, and clears it.
inline void move_tally(LabelTally* from, LabelTally* to, int64_t slots) {
  for (int64_t q = 0; q < slots; ++q) {
    to[q].pixels += from[q].pixels;
    to[q].score_sum += from[q].score_sum;
    to[q].max_score = std::max(to[q].max_score, from[q].max_score);
    from[q] = {};
  }
}

// Which classes the area filter keeps, from the raw counts; in f32, as torch compares them.
inline void choose_kept(const LabelRule& rule, const LabelTally* raw, uint8_t* kept) {
  int64_t foreground = 0;
  for (int64_t q = 1; q < rule.classes; ++q) foreground += raw[q].pixels;
  kept[0] = 1;
  for (int64_t q = 1; q < rule.classes; ++q) {
    kept[q] = static_cast<float>(raw[q].pixels) > *rule.area_threshold * static_cast<float>(foreground) ? 1 : 0;
  }
}

inline void write_statistics(const LabelTally* total, int64_t slots, LabelStatistics* out) {
  if (out == nullptr) return;
  for (int64_t q = 0; q < slots; ++q) {
    out[q] = {total[q].pixels, static_cast<double>(total[q].score_sum) / static_cast<double>(kScoreUnit),
              std::bit_cast<float>(total[q].max_score)};
  }
}

}  // namespace sclip
