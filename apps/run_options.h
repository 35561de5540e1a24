// The flags that subcommands share.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sclip/engine.h"
#include "sclip/segment_config.h"
#include "sclip/text_bank.h"

namespace CLI {
class App;
}

namespace sclip {

// --model, --device, --precision, --tune, --cudnn-mlp, --threads
struct ModelFlags {
  std::string model;
  std::string device = "auto";
  std::string precision = "auto";
  bool tune = false;
  bool cudnn_mlp = false;
  int threads = 0;

  void add_to(CLI::App& app);
  EngineOptions engine_options() const;
  std::shared_ptr<const Engine> load() const;
};

// --classes, --classes-file, --no-background, --templates, --truncate, --cache-dir, --no-cache
struct ClassFlags {
  std::string classes;
  bool classes_given = false;
  std::string classes_file;
  std::string templates;
  std::string cache_folder;
  bool no_cache = false;
  bool truncate = false;
  bool no_background = false;

  void add_to(CLI::App& app);
  // `fallback_file` names the built-in list that is meant when none is given; empty: an error then.
  ClassList class_list(std::string_view fallback_file = {}) const;
  ClassList with_background(ClassList list, const ModelConfig& model) const {
    return sclip::with_background(std::move(list), model, !no_background);
  }
  TextBankOptions bank_options() const;
};

// --config, --policy, --refine, and the numbers
struct SegmentFlags {
  SegmentRequest request;
  std::string ignore_name = "unlabelled";

  void add_to(CLI::App& app, bool with_scores = true);
  SegmentOptions options(const ModelConfig& model) const { return resolve(request, model); }
  std::string_view config_class_file() const;  // empty without --config
  std::string_view recipe_prompt() const;      // the recipe's only template; empty where it has none of its own
};

}  // namespace sclip
