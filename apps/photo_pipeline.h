// PhotoPipeline: many photos, read, segmented and written side by side.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/segment_photo.h"

namespace sclip {

struct PhotoOutcome {
  std::optional<SegmentedPhoto> photo;
  std::string error;  // a sentence that names the photo, where there is none
};

class PhotoPipeline {
 public:
  // `sessions` ≥ 1. `run` outlives the object.
  PhotoPipeline(const SegmentRun& run, int sessions) : run_(run), sessions_(sessions) {}

  // Returns when every photo is written or has failed; one that fails takes no other with it. `each` hears of a photo
  // as soon as that is known, from any thread, one call at a time. Throws what `each` throws, and what ends a whole
  // run: a session that cannot be made.
  using OnPhoto = std::function<void(const PhotoJob&, const PhotoOutcome&)>;
  void process(std::span<const PhotoJob> jobs, const OnPhoto& each);

 private:
  struct Task {
    const PhotoJob* job = nullptr;
    std::unique_ptr<OpenPhoto> photo;
    std::optional<Segmentation> segmentation;
    std::string error;
  };

  Task open(const PhotoJob& job) const;
  void segment(Session& session, std::vector<Task>& tasks) const;
  PhotoOutcome write(Task& task) const;

  const SegmentRun& run_;
  int sessions_;
};

}  // namespace sclip
