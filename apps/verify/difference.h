// How far one precision's results are from another's: of a photo, or of several together.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "evaluation/confusion.h"

namespace sclip {

class Difference {
 public:
  explicit Difference(size_t classes) : labels_(classes + 1) {}

  // Of one photo, as many of each. A label that is no class (--ignore-label) counts as a class of its own, and so does
  // a value that is no number: as an error without end.
  void add_logits(std::span<const float> exact, std::span<const float> other);
  void add_labels(std::span<const uint16_t> exact, std::span<const uint16_t> other);
  // Of as many classes.
  Difference& operator+=(const Difference& more);

  double least() const { return least_; }  // of the exact logits
  double most() const { return most_; }
  double range() const { return most_ - least_; }
  double max_error() const { return max_error_; }  // of a logit
  double rms_error() const;                        // NaN without a logit
  int64_t pixels() const { return labels_.pixels(); }
  int64_t equal() const { return labels_.correct(); }  // pixels of one label in both
  double agreement() const;                            // share of those; NaN without a pixel
  double mean_iou() const;                             // with the exact labels for the truth

 private:
  double least_ = std::numeric_limits<double>::infinity(), most_ = -least_;
  double max_error_ = 0, squares_ = 0;
  int64_t logits_ = 0;
  Confusion labels_;
};

}  // namespace sclip
