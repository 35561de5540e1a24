// What a run can leave of a photo: one table. README.md says how to add a row.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "io/png_write.h"
#include "results/class_style.h"
#include "results/output_transaction.h"
#include "results/run_facts.h"

namespace sclip {

// Everything that an output may be made of.
struct OutputSource {
  const RunFacts& run;
  const PhotoFacts& photo;
  const ClassList& classes;
  std::span<const ClassStyle> styles;  // of each class
  ImageView picture;                   // the photo, or a preview of a large one (io/preview.h)
  const Segmentation& segmentation;
  ThreadPool& pool;                 // to work on
  std::span<const float> logits{};  // (K, ⌈H0/step⌉, ⌈W0/step⌉), for who encodes them
  int logits_step = 1;

  // The label of pixels below the threshold, where it is none of the classes'.
  std::optional<uint16_t> ignored() const {
    return run.options.ignore_label ? std::optional(static_cast<uint16_t>(*run.options.ignore_label)) : std::nullopt;
  }
  // Labels that there may be: 0 … count − 1.
  size_t label_count() const { return ignored() ? size_t{*ignored()} + 1 : classes.size(); }
  LabelView labels() const { return {segmentation.labels.data(), segmentation.width, segmentation.height}; }
};

// What is too large to hold, and is filled in its file while the photo is segmented.
struct OutputTargets {
  std::span<float> logits;  // (K, H0, W0), or empty
};

// Of a segmentation to come.
struct OutputSize {
  int64_t queries = 0;  // K
  int height = 0;       // H0
  int width = 0;        // W0
};

struct OutputKind {
  using Encode = std::vector<std::byte> (*)(const OutputSource&);
  using Write = void (*)(const OutputSource&, const std::filesystem::path&, OutputTransaction&);
  using Claim = void (*)(const OutputSize&, const std::filesystem::path&, OutputTransaction&, OutputTargets&);

  std::string_view name;        // on the command line and in result.json
  std::string_view suffix;      // how the file's name ends; without an extension: a folder
  std::string_view media_type;  // of its bytes; empty for a folder
  std::string_view meaning;     // for --help
  Encode encode = nullptr;      // its bytes in memory; null for a folder
  Write write = nullptr;        // adds the files to the transaction, where that is not to write the encoded bytes
  Claim claim = nullptr;        // does so before the photo is segmented

  void add_to(OutputTransaction& outputs, const OutputSource& source, const std::filesystem::path& path) const {
    write != nullptr ? write(source, path, outputs) : outputs.add(path, encode(source));
  }
  bool is_folder() const { return suffix.find('.') == std::string_view::npos; }
};

// In the order in which they are written.
std::span<const OutputKind> output_kinds();

// Throws kInvalidArgument, naming those that there are.
const OutputKind& find_output_kind(std::string_view name);

}  // namespace sclip
