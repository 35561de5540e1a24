#include "apps/verify/difference.h"

#include <algorithm>
#include <cmath>

#include "sclip/error.h"

namespace sclip {

void Difference::add_logits(std::span<const float> exact, std::span<const float> other) {
  SCLIP_CHECK(exact.size() == other.size(), kInternal, exact.size(), " logits are compared with ", other.size());
  for (size_t i = 0; i < exact.size(); ++i) {
    const double value = exact[i], error = std::abs(value - double{other[i]});
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
    max_error_ = std::isfinite(error) ? std::max(max_error_, error) : std::numeric_limits<double>::infinity();
    squares_ += error * error;
  }
  logits_ += static_cast<int64_t>(exact.size());
}

void Difference::add_labels(std::span<const uint16_t> exact, std::span<const uint16_t> other) {
  SCLIP_CHECK(exact.size() == other.size(), kInternal, exact.size(), " labels are compared with ", other.size());
  const size_t no_class = labels_.classes() - 1;
  const auto row = [&](uint16_t label) { return std::min<size_t>(label, no_class); };
  for (size_t i = 0; i < exact.size(); ++i) labels_.add(row(exact[i]), row(other[i]), 1);
}

Difference& Difference::operator+=(const Difference& more) {
  least_ = std::min(least_, more.least_);
  most_ = std::max(most_, more.most_);
  max_error_ = std::max(max_error_, more.max_error_);
  squares_ += more.squares_;
  logits_ += more.logits_;
  labels_ += more.labels_;
  return *this;
}

double Difference::rms_error() const {
  return std::sqrt(squares_ / static_cast<double>(logits_));
}

double Difference::agreement() const {
  return measure(labels_).pixel_accuracy;
}

double Difference::mean_iou() const {
  return measure(labels_).mean_iou;
}

}  // namespace sclip
