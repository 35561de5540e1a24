#include "sclip/photo_features.h"

#include "engine/segment_plan.h"

namespace sclip {

PhotoFeatures::PhotoFeatures(std::shared_ptr<const Engine> engine, std::unique_ptr<const SegmentPlan> plan,
                             std::unique_ptr<Memory> features)
    : engine_(std::move(engine)), plan_(std::move(plan)), features_(std::move(features)) {}
PhotoFeatures::~PhotoFeatures() = default;

int PhotoFeatures::width() const {
  return plan_->photos[0].key.width;
}
int PhotoFeatures::height() const {
  return plan_->photos[0].key.height;
}
int PhotoFeatures::windows() const {
  return static_cast<int>(plan_->windows);
}
int PhotoFeatures::grid_h() const {
  return static_cast<int>(plan_->photos[0].grid_h);
}
int PhotoFeatures::grid_w() const {
  return static_cast<int>(plan_->photos[0].grid_w);
}
const SegmentOptions& PhotoFeatures::options() const {
  return plan_->options;
}
size_t PhotoFeatures::bytes() const {
  return features_->size();
}
const float* PhotoFeatures::data() const {
  return static_cast<const float*>(features_->data());
}

}  // namespace sclip
