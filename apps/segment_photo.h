// One photo of a segmentation run: decode, segment, write.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/photo_list.h"
#include "apps/result_json.h"
#include "engine/session.h"

namespace sclip {

struct SegmentRun {
  std::shared_ptr<const Engine> engine;
  std::shared_ptr<const TextBank> bank;
  RunFacts facts;
  bool logits = false;  // also write the cosine logits (K, H0, W0) and the best scores (H0, W0), f32 .npy
  bool scores = false;
  std::filesystem::path logits_file;  // instead of the job's own name; empty: that
  std::filesystem::path scores_file;
};

struct SegmentedPhoto {
  int width = 0;
  int height = 0;
  int windows = 0;
  PhotoTimes times;
  std::vector<ClassStatistics> classes;
  std::vector<std::filesystem::path> outputs;
};

// Everything is written or, on any error, nothing. Throws what decoding, the session and writing throw.
SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job);

}  // namespace sclip
