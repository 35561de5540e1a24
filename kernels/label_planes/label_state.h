// How label_planes lays out its state, on either backend.
#pragma once

#include "core/carver.h"
#include "kernels/label_planes/label_planes.h"

namespace sclip {

// Scores are added as integers, multiples of 2^-30: the order of the additions, and so the number of threads or blocks,
// cannot show. Below 2^31 pixels they fit.
inline constexpr float kScoreUnit = 0x1p30f;

struct LabelTally {
  uint64_t score_sum = 0;  // in units of 2^-30
  uint32_t pixels = 0;
  uint32_t max_score = 0;  // bits; scores are not negative, so their bits compare as they do
};

// A softmax whose reference falls behind by more than this, in powers of 2, takes a new one.
inline constexpr float kReferenceRange = 100.0f;

struct LabelState {
  LabelStateHead* head;
  // (pixels) exponent_scale times the logit that sums are relative to. After kFinish: the best logit of the kept
  // classes' queries so far where the filter removed the pixel's class, and +∞ elsewhere.
  float* reference;
  float* best;          // (pixels) the best logit
  LabelTally* raw;      // (Q) before the filter
  LabelTally* total;    // (Q + 1) of the results so far; the last: of low scores
  uint8_t* kept_class;  // (Q) by the filter
  size_t bytes;
};

inline LabelState label_state(void* memory, int64_t pixels, int64_t classes) {
  Carver carver(memory);
  LabelState s{};
  carver.take(s.head, 1);
  carver.take(s.reference, pixels);
  carver.take(s.best, pixels);
  carver.take(s.raw, classes);
  carver.take(s.total, classes + 1);
  carver.take(s.kept_class, classes);
  s.bytes = carver.bytes();
  return s;
}
inline LabelState label_state(const LabelPlanesParams& p) {
  return label_state(p.state, p.height * p.width, p.rule.classes);
}

}  // namespace sclip
