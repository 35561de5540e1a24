// FeatureStore: photos that were read, kept under an id so that new words are answered without the image tower. The
// latest used ones stay, as many as a number of bytes holds.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "sclip/photo_features.h"

namespace sclip {

struct KeptPhoto {
  std::string id;  // unpredictable: who has it may ask
  std::string file_name;
  int64_t file_bytes = 0;
  std::string config, recipe;
  SegmentOptions options;
  std::shared_ptr<const PhotoFeatures> features;

  int64_t bytes() const { return static_cast<int64_t>(features->bytes()) + 1024; }
};

class FeatureStore {
 public:
  explicit FeatureStore(int64_t most_bytes) : most_bytes_(most_bytes) {}

  // Gives it an id. Throws HttpError 413 for one that is larger than all may be.
  std::shared_ptr<const KeptPhoto> add(KeptPhoto photo);
  std::shared_ptr<const KeptPhoto> find(const std::string& id);  // null: not there, or no more
  bool remove(const std::string& id);
  void clear();

  int64_t photos() const;
  int64_t bytes() const;
  int64_t dropped() const;  // to make room

 private:
  const int64_t most_bytes_;
  mutable std::mutex mutex_;
  std::list<std::shared_ptr<const KeptPhoto>> photos_;  // the latest used first
  int64_t bytes_ = 0, dropped_ = 0;
};

}  // namespace sclip
