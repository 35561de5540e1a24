// What a wish for a segmentation means: published configurations, what goes before what, and what identifies a run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sclip/class_list.h"
#include "sclip/model_config.h"
#include "sclip/segment_options.h"

namespace sclip {

class Engine;
struct TextBankOptions;

// One of the authors' evaluations: the numbers that made its published result.
struct NamedConfig {
  std::string_view name;        // voc21, voc20, context60, …
  std::string_view class_file;  // name of the built-in class list
  int short_side;
  int crop;
  int stride;
  float logit_scale;
  float prob_thd;
  std::optional<float> area_thd;
};

std::span<const NamedConfig> named_configs();
// Throws kInvalidArgument naming the configurations there are.
const NamedConfig& find_named_config(std::string_view name);

// A row of the paper's Table 4: how the photo is cut, whatever the data set.
struct NamedProtocol {
  std::string_view name;  // table4-1 … table4-5
  int short_side;
  int crop;
  int stride;
};

std::span<const NamedProtocol> named_protocols();

// What somebody asks for; what is left out is for others to say.
struct SegmentRequest {
  std::string config{};    // name of a published configuration, or empty
  std::string recipe{};    // a method whose setting for `config` is meant, or empty (sclip/recipes.h)
  std::string protocol{};  // name of a row of Table 4, or empty
  std::string policy{};    // empty: the recipe's, else sclip
  std::vector<std::string> policy_options{};  // OPTION=VALUE each; they go before those in `policy`
  std::optional<float> temperature{};
  std::string fit{};     // short-side or squash; empty: the recipe's, else short-side
  std::string refine{};  // none, pamr or pearl; empty: the recipe's, else none
  std::optional<int> refine_iterations{};
  std::vector<int64_t> refine_dilations{};  // one or two
  std::optional<int64_t> refine_cells{};
  std::optional<int> short_side{};
  std::optional<int> crop{};
  std::optional<int> stride{};
  std::optional<float> logit_scale{};
  std::optional<float> prob_thd{};
  std::optional<int> ignore_label{};
  std::optional<float> area_thd{};
  std::optional<int> window_batch{};
};

// Each number is the given one, else the protocol's, else the recipe's, else the configuration's, else the model's
// preprocessing, else SegmentOptions' default. A recipe's policy options are kept where the policy given is the
// recipe's, and dropped for another. Throws kInvalidArgument for names that do not exist and for values that contradict
// each other.
SegmentOptions resolve(const SegmentRequest& request, const ModelConfig& model);

// Throws kInvalidArgument for the label of a class, and for one that a mask does not hold.
void check_ignore_label(std::optional<int> label, const ClassList& classes);

std::string_view to_string(Refinement::Kind kind);  // none, pamr, pearl

// A single class gets the background words of voc21 that the model knows as class 0: a softmax over one is always 1.
// Where that is not wanted, or there are none, the list has a warning more.
ClassList with_background(ClassList list, const ModelConfig& model, bool wanted = true);

// Queries that a model with a closed vocabulary was not trained on, in order; empty for an open one.
std::vector<std::string> unknown_words(const ModelConfig& model, const ClassList& classes);
// One sentence about them, or nothing.
std::optional<std::string> unknown_words_warning(const ModelConfig& model, const ClassList& classes);

// Identifies what the outputs of a photo depend on, the photo aside: 64 hexadecimal digits. `outputs` says which are
// chosen, and how they are called.
std::string options_hash(const Engine& engine, const TextBankOptions& bank, const ClassList& classes,
                         const SegmentOptions& options, std::span<const std::string> outputs);

}  // namespace sclip
