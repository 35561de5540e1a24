// Photos of a segmentation run: decode, segment, write.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/photo_list.h"
#include "results/output_choice.h"
#include "results/own_files.h"
#include "sclip/session.h"

namespace sclip {

struct SegmentRun {
  std::shared_ptr<const Engine> engine;
  std::shared_ptr<const TextBank> bank;
  RunFacts facts;
  OutputChoice outputs;
  OverwriteGuard guard;
};

struct SegmentedPhoto {
  int width = 0;
  int height = 0;
  int windows = 0;
  std::vector<ClassStatistics> classes;
  PhotoFacts facts;
};

// Everything is written or, on any error, nothing. Throws what decoding, the session and writing throw.
SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job);

struct PhotoOutcome {
  std::optional<SegmentedPhoto> photo;
  std::string error;  // a sentence that names the photo, where there is none
};

// Several photos in one call of the session. `each` hears of a photo as soon as its outputs are there, or its error is
// known; one that fails takes no other with it.
using OnPhoto = std::function<void(const PhotoJob&, const PhotoOutcome&)>;
void segment_photos(Session& session, const SegmentRun& run, std::span<const PhotoJob> jobs, const OnPhoto& each);

}  // namespace sclip
