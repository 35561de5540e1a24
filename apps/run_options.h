// The flags that subcommands share, and what they mean to the engine.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/segment_options.h"
#include "engine/text_bank.h"

namespace CLI {
class App;
}

namespace sclip {

// --model, --device, --precision, --tune-gemm, --cudnn-mlp, --threads
struct ModelFlags {
  std::string model;
  std::string device = "auto";
  std::string precision = "auto";
  bool tune_gemm = false;
  bool cudnn_mlp = false;
  int threads = 0;

  void add_to(CLI::App& app);
  EngineOptions engine_options() const;
  std::shared_ptr<const Engine> load() const;
};

// --classes, --classes-file, --templates, --truncate, --cache-dir, --no-cache
struct ClassFlags {
  std::string classes;
  bool classes_given = false;
  std::string classes_file;
  std::string templates;
  std::string cache_folder;
  bool no_cache = false;
  bool truncate = false;

  void add_to(CLI::App& app);
  // `fallback_file` names the built-in list that is meant when none is given; empty: an error then.
  ClassList class_list(std::string_view fallback_file = {}) const;
  TextBankOptions bank_options() const;
};

// --config, --policy, and the numbers
struct SegmentFlags {
  std::string config;
  std::string policy = "sclip";
  std::optional<int> short_side;
  std::optional<int> crop;
  std::optional<int> stride;
  std::optional<float> logit_scale;
  std::optional<float> prob_thd;
  std::optional<float> area_thd;
  std::optional<int> window_batch;

  void add_to(CLI::App& app, bool with_scores = true);
  // What is given, else what --config says, else the model's preprocessing, else SegmentOptions' defaults.
  SegmentOptions options(const ModelConfig& model) const;
  std::string_view config_class_file() const;  // empty without --config
};

Precision parse_precision(std::string_view name);  // auto, f32, bf16, f16
std::string_view to_string(Precision precision);

// Queries that a model with a closed vocabulary was not trained on, in order; empty for an open one.
std::vector<std::string> unknown_words(const ModelConfig& model, const ClassList& classes);
// One sentence about them, or nothing.
std::optional<std::string> unknown_words_warning(const ModelConfig& model, const ClassList& classes);

// Identifies what the outputs of a photo depend on, the photo aside: 64 hexadecimal digits.
std::string options_hash(const Engine& engine, const TextBankOptions& bank, const ClassList& classes,
                         const SegmentOptions& options, const std::vector<std::string>& outputs);

}  // namespace sclip
