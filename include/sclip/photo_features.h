// PhotoFeatures: what the image tower found in a photo, kept so that new words are answered without running it again.
#pragma once

#include <cstdint>
#include <memory>

#include "sclip/engine.h"
#include "sclip/segment_options.h"

namespace sclip {

struct SegmentPlan;
class Memory;

// Made by Session::read. Immutable; any session of its engine may use it, several at a time. It keeps the engine.
class PhotoFeatures {
 public:
  PhotoFeatures(std::shared_ptr<const Engine> engine, std::unique_ptr<const SegmentPlan> plan,
                std::unique_ptr<Memory> features);
  ~PhotoFeatures();
  PhotoFeatures(const PhotoFeatures&) = delete;
  PhotoFeatures& operator=(const PhotoFeatures&) = delete;

  int width() const;   // W0 of the photo
  int height() const;  // H0
  int windows() const;
  int grid_h() const;  // patches of a window
  int grid_w() const;
  const SegmentOptions& options() const;  // under which the photo was read
  const Engine& engine() const { return *engine_; }
  size_t bytes() const;

  // For the library itself.
  const SegmentPlan& plan() const { return *plan_; }
  const float* data() const;  // (windows, h·w, E) unit vectors, backend memory

 private:
  std::shared_ptr<const Engine> engine_;
  std::unique_ptr<const SegmentPlan> plan_;
  std::unique_ptr<Memory> features_;
};

}  // namespace sclip
