// Where one photo's results go, and what is left to do when they are there.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "api/handles.h"
#include "api/result_object.h"
#include "api/sized_struct.h"
#include "sclip/sclip.h"
#include "sclip/session.h"

namespace sclip::api {

class Destination {
 public:
  static constexpr size_t kFirstSize = sizeof(sclip_output);

  Destination(sclip_output& output, const TextBank& bank, const SegmentOptions& options, int width, int height)
      : output_(output),
        bank_(bank),
        pixels_(static_cast<size_t>(std::max(width, 0)) * static_cast<size_t>(std::max(height, 0))) {
    check_size<sclip_output>(output.struct_size, kFirstSize, "sclip_output");
    if (output.mask8 != nullptr) {
      SCLIP_CHECK(bank.classes().size() <= 256 && options.ignore_label.value_or(0) < 256, kInvalidArgument,
                  "mask8 holds labels up to 255, and the bank has ", bank.classes().size(),
                  " classes, with ignore_label ", options.ignore_label.value_or(-1), ": use mask16");
    }
    if (output.result != nullptr) {
      *output.result = nullptr;
      result_ = std::make_shared<ResultObject>();
      result_->width = width;
      result_->height = height;
    }
  }

  // Labels go to the caller's 16 bits, else to the result, else to `wide`.
  PhotoRequest request(uint16_t* wide) {
    PhotoRequest r;
    if (result_ != nullptr) {
      result_->labels.resize(pixels_);
      result_->scores.resize(pixels_);
    }
    labels_ = output_.mask16 != nullptr ? output_.mask16 : result_ != nullptr ? result_->labels.data() : wide;
    scores_ = output_.scores != nullptr ? output_.scores : result_ != nullptr ? result_->scores.data() : nullptr;
    r.labels = {labels_, pixels_};
    r.with_scores = scores_ != nullptr;
    if (scores_ != nullptr) r.scores = {scores_, pixels_};
    if (output_.logits != nullptr) r.logits = {output_.logits, pixels_ * static_cast<size_t>(bank_.queries())};
    return r;
  }
  bool needs_wide_labels() const { return output_.mask16 == nullptr && result_ == nullptr; }
  size_t pixels() const { return pixels_; }

  void finish(const Segmentation& s) {
    if (output_.mask8 != nullptr) {
      std::transform(labels_, labels_ + pixels_, output_.mask8,
                     [](uint16_t label) { return static_cast<uint8_t>(label); });
    }
    const auto statistics = [](const ClassStatistics& c) {
      return sclip_class_statistics{c.pixels, c.mean_score, c.max_score};
    };
    if (output_.classes != nullptr) std::transform(s.classes.begin(), s.classes.end(), output_.classes, statistics);
    output_.resized_width = s.resized_width;
    output_.resized_height = s.resized_height;
    output_.windows = s.windows;
    output_.resize_seconds = s.times.resize;
    output_.encode_seconds = s.times.encode;
    output_.merge_seconds = s.times.merge;
    if (result_ == nullptr) return;
    if (labels_ != result_->labels.data()) std::copy_n(labels_, pixels_, result_->labels.data());
    if (scores_ != result_->scores.data()) std::copy_n(scores_, pixels_, result_->scores.data());
    for (const ClassStatistics& c : s.classes) result_->classes.push_back(statistics(c));
    *output_.result = give(std::move(result_));
  }

 private:
  sclip_output& output_;
  const TextBank& bank_;
  size_t pixels_;
  std::shared_ptr<ResultObject> result_;
  uint16_t* labels_ = nullptr;
  float* scores_ = nullptr;
};

}  // namespace sclip::api
