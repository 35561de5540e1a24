// Recipes: the settings with which methods were published, a row for each method and data set.
//
// Policy and its options, scale, thresholds, protocol (slid, whole or squashed), refinement, class names and prompts.
#pragma once

#include <span>
#include <string_view>

#include "sclip/segment_config.h"

namespace sclip {

struct Recipe {
  std::string_view method;    // sc-clip, rf-clip, …
  NamedConfig setting;        // of a data set; its class_file is the method's own where names differ
  std::string_view policy;    // with its options
  std::string_view refine;    // none, pamr or pearl; pearl:N is a grid of about N cells a side
  bool squash = false;        // the photo becomes a square of short_side pixels
  std::string_view prompt{};  // the only template, {} for the name; empty: the 80 of ImageNet
};

std::span<const Recipe> recipes();
// Throws kInvalidArgument naming the methods there are, or the configurations for which this one has a setting.
const Recipe& find_recipe(std::string_view method, std::string_view config);

}  // namespace sclip
