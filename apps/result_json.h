// result.json: what a run says about one photo. Written last, so that its presence means the photo is finished.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/photo_list.h"
#include "engine/session.h"

namespace sclip {

// What is the same for all photos of a run.
struct RunFacts {
  std::filesystem::path model_path;
  std::string model_name;
  std::string model_sha256;
  std::string model_licence;
  std::string device;              // "cpu"
  std::string device_description;  // "…, 8 threads"
  std::string precision;           // "f32"
  std::string config;              // name of the published configuration, or empty
  SegmentOptions options;
  std::string templates;  // "imagenet", "none" or a file
  size_t template_count = 0;
  std::string options_hash;
  bool text_bank_cached = false;
  double load_seconds = 0;
  double text_bank_seconds = 0;
  std::vector<std::string> warnings;
};

struct PhotoTimes {  // seconds
  double decode = 0;
  double resize = 0;
  double encode = 0;
  double merge = 0;
  double write = 0;
};

// A file's size and time of change: enough to see that it is another photo now.
struct FileIdentity {
  int64_t bytes = 0;
  int64_t modified_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};
FileIdentity identify_file(const std::filesystem::path& path);  // throws kNotFound

struct PhotoFacts {
  PhotoJob job;
  FileIdentity identity;
  PhotoTimes times;
  std::map<std::string, std::string> outputs;  // "mask" → "mask.png", relative to result.json
};

nlohmann::ordered_json result_json(const RunFacts& run, const PhotoFacts& photo, const ClassList& classes,
                                   const Segmentation& segmentation);

// Whether `job` has a result.json of the same options and the same photo, and its outputs are there.
bool is_finished(const PhotoJob& job, const std::string& options_hash);

}  // namespace sclip
