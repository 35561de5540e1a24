// Photos of a segmentation run: decode, segment, write.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/load_photo.h"
#include "apps/photo_list.h"
#include "io/picture_file.h"
#include "io/preview.h"
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

// A photo on its way: what is decoded, or of a large one the file that is yet to be read, and the outputs that wait for
// it. Not movable: requests point into it.
class OpenPhoto {
 public:
  // Decodes, and claims the disk space of large outputs. `run` outlives the object. Throws what these throw.
  OpenPhoto(const SegmentRun& run, const PhotoJob& job);
  ~OpenPhoto();
  OpenPhoto(const OpenPhoto&) = delete;
  OpenPhoto& operator=(const OpenPhoto&) = delete;

  // Whether its rows pass by while it is segmented: by itself, and once.
  bool passes() const;
  PhotoRequest request() const;
  const std::string& name() const { return name_; }

  // Once, and last. Everything is written or, on any error, nothing.
  SegmentedPhoto write(Segmentation segmentation);

 private:
  class PassingRows;

  const SegmentRun& run_;
  std::string name_;
  std::vector<std::byte> input_;       // from standard input
  std::unique_ptr<PictureFile> file_;  // while it is needed
  Image picture_;                      // or, where the photo passes by:
  std::unique_ptr<PassingRows> rows_;
  std::unique_ptr<Preview> preview_;  // of a large photo
  std::string warning_;
  std::unique_ptr<PhotoOutputs> outputs_;
  OutputTargets targets_;
};

// The session knows pixels, not files: its errors get the photo's name here.
Segmentation segment_one(Session& session, const SegmentRun& run, const OpenPhoto& photo,
                         const RunControl& control = {});

// All of it for one photo.
SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job,
                             const RunControl& control = {});

}  // namespace sclip
