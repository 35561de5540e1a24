// What `sclip doctor` knows before it judges: of a data set's files, of the words, the model and the options.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "evaluation/data_set.h"
#include "evaluation/mask_rule.h"
#include "sclip/class_list.h"
#include "sclip/model_info.h"
#include "sclip/segment_options.h"

namespace sclip {

using NumberCounts = std::map<uint16_t, int64_t>;  // of a mask: pixels by number

// Where one number follows another along a row.
struct EdgeCounts {
  int64_t edges = 0;  // pixels that differ from the one before
  int64_t ramps = 0;  // of these: between two others, above one and below the other, as a blended border is
};

// `labels` (height, width).
NumberCounts count_numbers(const std::vector<uint16_t>& labels);
EdgeCounts count_edges(const std::vector<uint16_t>& labels, int width);

struct SetPhoto {
  std::filesystem::path file;
  int width = 0, height = 0;  // upright
  std::string error;          // why it cannot be read; empty: it can
  std::string sha256;         // of the file; empty where nobody asked
};

struct SetMask {
  std::filesystem::path file;
  std::string format;  // "PNG", "JPEG"; empty: no picture
  bool colours = false;
  int width = 0, height = 0;
  std::string error;
  NumberCounts numbers;  // of a readable PNG with one number a pixel
  EdgeCounts edges;
};

struct SetPair {
  std::string name;
  SetPhoto photo;
  SetMask mask;
};

struct DataFacts {
  std::string set;         // "VOC21"
  std::string class_file;  // built-in list of the set; empty: its own classes.txt
  std::vector<std::string> class_names{};
  MaskRule rule{MaskRuleKind::kAsStored, 1};
  size_t pairs = 0;                // there are
  std::vector<SetPair> looked{};   // of them, evenly
  std::vector<SetPhoto> hashed{};  // every photo with one of equal size in bytes, with its hash
  std::vector<std::filesystem::path> photos_without_mask{}, masks_without_photo{};
  std::vector<std::string> missing{};  // listed, and neither photo nor mask is there
};

struct Facts {
  std::optional<DataFacts> data{};
  // The words that would be used; none: no list was named and the set has none.
  std::optional<ClassList> classes{};
  bool classes_given = false;  // on the command line: not the set's own
  std::optional<ModelInfo> model{};
  SegmentOptions options{};
};

// Opens the set, reads up to `most_masks` pairs, evenly from its sorted list, and hashes photos that may be equal.
// Masks of other picture formats count as masks here. Throws what open_data_set throws where there are none of these
// either.
DataFacts gather(const DataSetKind& kind, const std::filesystem::path& root, const std::string& split,
                 size_t most_masks, ThreadPool& pool);

}  // namespace sclip
