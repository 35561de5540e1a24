#include "evaluation/confusion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sclip/error.h"

namespace sclip {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double share(int64_t part, int64_t whole) {
  return whole == 0 ? kNone : static_cast<double>(part) / static_cast<double>(whole);
}

template <typename Value>
double mean_of_numbers(const std::vector<ClassMeasures>& classes, const Value& value) {
  double sum = 0;
  int64_t count = 0;
  for (const ClassMeasures& one : classes) {
    if (std::isnan(value(one))) continue;
    sum += value(one);
    ++count;
  }
  return count == 0 ? kNone : sum / static_cast<double>(count);
}

}  // namespace

Confusion& Confusion::operator+=(const Confusion& other) {
  SCLIP_CHECK(classes_ == other.classes_, kInternal, "confusion matrices of ", classes_, " and ", other.classes_,
              " classes are added");
  std::transform(counts_.begin(), counts_.end(), other.counts_.begin(), counts_.begin(), std::plus<>());
  return *this;
}

int64_t Confusion::pixels() const {
  return std::accumulate(counts_.begin(), counts_.end(), int64_t{0});
}

int64_t Confusion::correct() const {
  int64_t sum = 0;
  for (size_t i = 0; i < classes_; ++i) sum += at(i, i);
  return sum;
}

int64_t Confusion::of_truth(size_t id) const {
  const auto row = counts_.begin() + static_cast<ptrdiff_t>(id * (classes_ + 1));
  return std::accumulate(row, row + static_cast<ptrdiff_t>(classes_ + 1), int64_t{0});
}

int64_t Confusion::of_prediction(size_t id) const {
  int64_t sum = 0;
  for (size_t truth = 0; truth < classes_; ++truth) sum += at(truth, id);
  return sum;
}

Confusion count(const GroundTruth& truth, std::span<const uint16_t> predicted, int width, int height, size_t classes) {
  SCLIP_CHECK(truth.width == width && truth.height == height, kInvalidArgument, "the mask has ", truth.width, "×",
              truth.height, " pixels and the photo ", width, "×", height,
              ": masks are compared at their own size, so take the one that was not resized");
  Confusion out(classes);
  // Runs of one pair are long: they are counted before they are added.
  size_t run = 0;
  for (size_t i = 0; i < predicted.size(); i += run) {
    const uint16_t is = truth.labels[i], said = predicted[i];
    run = 1;
    while (i + run < predicted.size() && truth.labels[i + run] == is && predicted[i + run] == said) ++run;
    if (is != kIgnoredLabel) out.add(is, std::min<size_t>(said, classes), static_cast<int64_t>(run));
  }
  return out;
}

Measures measure(const Confusion& confusion) {
  Measures out;
  for (size_t i = 0; i < confusion.classes(); ++i) {
    const int64_t both = confusion.at(i, i), is = confusion.of_truth(i), said = confusion.of_prediction(i);
    out.classes.push_back({.iou = share(both, is + said - both), .accuracy = share(both, is), .pixels = is});
  }
  out.pixels = confusion.pixels();
  out.pixel_accuracy = share(confusion.correct(), out.pixels);
  out.mean_iou = mean_of_numbers(out.classes, [](const ClassMeasures& c) { return c.iou; });
  out.mean_accuracy = mean_of_numbers(out.classes, [](const ClassMeasures& c) { return c.accuracy; });
  return out;
}

}  // namespace sclip
