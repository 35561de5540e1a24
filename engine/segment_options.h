// Everything that turns a photo and a text bank into a mask, and the published configurations.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sclip {

struct SegmentOptions {
  int short_side = 336;   // S: the photo is scaled so that its short side has this many pixels
  int long_limit = 2048;  // … unless its long side would grow beyond this
  int crop = 224;         // window size; 0: the whole photo at once
  int stride = 112;
  float logit_scale = 40.f;
  float prob_thd = 0.f;             // a pixel whose best score is below becomes class 0
  std::optional<float> area_thd{};  // smallest share of the non-0 pixels that a class ≠ 0 must have
  std::string policy = "sclip";
  int window_batch = 0;  // windows in one forward; 0: what suits the backend
  bool record = true;    // on a device: photos of one size after the second replay a recording of the whole run

  bool operator==(const SegmentOptions&) const = default;
};

struct NamedConfig {
  std::string_view name;        // voc21, voc20, context60, …
  std::string_view class_file;  // name of the built-in class list
  int short_side;
  float logit_scale;
  float prob_thd;
  std::optional<float> area_thd;
};

std::span<const NamedConfig> named_configs();
// Throws kInvalidArgument naming the configurations there are.
const NamedConfig& find_named_config(std::string_view name);

}  // namespace sclip
