// What is known about a run and about each of its photos, for people and programs that find the outputs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/geo_tags.h"
#include "sclip/session.h"

namespace sclip {

enum class OverlaySize { kWithLegend, kPhoto };
std::string_view to_string(OverlaySize size);  // "legend", "photo"
OverlaySize parse_overlay_size(std::string_view text);

// What is the same for all photos of a run.
struct RunFacts {
  std::string model_path;
  std::string model_name;
  std::string model_sha256;
  std::string model_licence;
  std::string device;              // "cpu"
  std::string device_description;  // "…, 8 threads"
  std::string precision;           // "f32", "bf16", "f16" or "fp8": that of the activations
  std::string config;              // name of the published configuration, or empty
  std::string recipe;              // method whose setting for it is meant, or empty
  SegmentOptions options;
  std::string ignore_name = "unlabelled";  // what pixels with options.ignore_label are called
  std::string templates;                   // "imagenet", "recipe", "none" or a file
  size_t template_count = 0;
  OverlaySize overlay_size = OverlaySize::kWithLegend;
  std::string options_hash;
  bool text_bank_cached = false;
  double load_seconds = 0;
  double text_bank_seconds = 0;
  std::vector<std::string> warnings;  // sentences
};

// Those that engine and bank tell of themselves; the caller adds what else it knows.
RunFacts describe_run(const Engine& engine, const TextBank& bank);

// Where the outputs of a photo go, and how their names begin.
struct OutputPlace {
  std::filesystem::path folder;
  std::string prefix;  // "" for a single photo, else "<stem>."

  std::filesystem::path file(std::string_view suffix) const { return folder / (prefix + std::string(suffix)); }
};

struct PhotoTimes {  // seconds
  double decode = 0;
  double resize = 0;
  double encode = 0;
  double merge = 0;
  double write = 0;

  double total() const { return decode + resize + encode + merge + write; }
};

// A file's size and time of change: enough to see that it is another photo now.
struct FileIdentity {
  int64_t bytes = 0;
  int64_t modified_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};
// What to say where the limit of the long side made the short one shorter than was asked for.
std::optional<std::string> short_side_warning(const SegmentOptions& options, const Segmentation& segmentation);

FileIdentity identify_file(const std::filesystem::path& path);  // throws kNotFound

struct WrittenOutput {
  std::string name;                          // "mask"
  std::filesystem::path path;                // a file, or a folder
  std::vector<std::filesystem::path> files;  // the file itself, or those in the folder
  bool is_folder = false;
};

struct PhotoFacts {
  std::filesystem::path path;
  FileIdentity identity;
  OutputPlace place;
  GeoTags geo{};
  PhotoTimes times{};
  std::vector<std::string> warnings{};   // sentences about this photo
  std::vector<WrittenOutput> outputs{};  // so far
};

}  // namespace sclip
