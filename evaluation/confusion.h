// How predictions and truth meet: a matrix of pixels, and the measures that follow from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "evaluation/ground_truth.h"

namespace sclip {

// Pixels by true and predicted class. What is predicted may also be no class (--ignore-label): the last column.
class Confusion {
 public:
  explicit Confusion(size_t classes) : classes_(classes), counts_(classes * (classes + 1)) {}

  size_t classes() const { return classes_; }
  int64_t at(size_t truth, size_t predicted) const { return counts_[truth * (classes_ + 1) + predicted]; }
  void add(size_t truth, size_t predicted, int64_t pixels) { counts_[truth * (classes_ + 1) + predicted] += pixels; }
  // Of matrices of as many classes.
  Confusion& operator+=(const Confusion& other);
  bool operator==(const Confusion&) const = default;

  int64_t pixels() const;                  // that count
  int64_t correct() const;                 // of them
  int64_t of_truth(size_t id) const;       // whose truth is this class
  int64_t of_prediction(size_t id) const;  // that were given this class

 private:
  size_t classes_;
  std::vector<int64_t> counts_;  // (classes, classes + 1)
};

// Both (height, width); a true label is a class or kIgnoredLabel. A predicted one that is no class counts as wrong.
// Throws kInvalidArgument for sizes that differ.
Confusion count(const GroundTruth& truth, std::span<const uint16_t> predicted, int width, int height, size_t classes);

struct ClassMeasures {
  double iou = 0;       // intersection over union; NaN where the class neither is nor is predicted
  double accuracy = 0;  // of the class's pixels, those that were given it; NaN without such pixels
  int64_t pixels = 0;   // whose truth it is
};

// As mmsegmentation's IoUMetric has them (aAcc, mIoU, mAcc): shares of 1; means over the classes that have a number.
struct Measures {
  std::vector<ClassMeasures> classes;
  double pixel_accuracy = 0;  // NaN without a pixel that counts
  double mean_iou = 0;        // NaN likewise
  double mean_accuracy = 0;
  int64_t pixels = 0;
};

Measures measure(const Confusion& confusion);

}  // namespace sclip
