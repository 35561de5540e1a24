// Photos of a segmentation run: decode, segment, write.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/load_photo.h"
#include "apps/photo_list.h"
#include "io/image.h"
#include "results/output_choice.h"
#include "results/own_files.h"
#include "results/photo_outputs.h"
#include "sclip/session.h"

namespace sclip {

struct SegmentRun {
  std::shared_ptr<const Engine> engine;
  std::shared_ptr<const TextBank> bank;
  RunFacts facts;
  OutputChoice outputs;
  OverwriteGuard guard;
  PhotoFlags picture;
};

struct SegmentedPhoto {
  int width = 0;
  int height = 0;
  int windows = 0;
  std::vector<ClassStatistics> classes;
  ClassStatistics ignored;
  PhotoFacts facts;
};

// A photo on its way: what is decoded, and the outputs that wait for it. Not movable: requests point into it.
class OpenPhoto {
 public:
  // Decodes, and claims the disk space of large outputs. `run` outlives the object. Throws what these throw.
  OpenPhoto(const SegmentRun& run, const PhotoJob& job);
  ~OpenPhoto();
  OpenPhoto(const OpenPhoto&) = delete;
  OpenPhoto& operator=(const OpenPhoto&) = delete;

  PhotoRequest request() const { return {.photo = picture_.view(), .logits = targets_.logits}; }
  const std::string& name() const { return name_; }

  // Once, and last. Everything is written or, on any error, nothing.
  SegmentedPhoto write(Segmentation segmentation);

 private:
  const SegmentRun& run_;
  std::string name_;
  Image picture_;
  std::unique_ptr<PhotoOutputs> outputs_;
  OutputTargets targets_;
};

// The session knows pixels, not files: its errors get the photo's name here.
Segmentation segment_one(Session& session, const SegmentRun& run, const OpenPhoto& photo);

// All of it for one photo.
SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job);

}  // namespace sclip
