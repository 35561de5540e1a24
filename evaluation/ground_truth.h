// The true class of each pixel, from a mask and the rule of its data set.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "evaluation/mask_rule.h"
#include "io/label_read.h"

namespace sclip {

struct GroundTruth {
  int width = 0;
  int height = 0;
  std::vector<uint16_t> labels;  // (height, width) a class, or kIgnoredLabel
};

// Throws kCorruptData for a number that the rule does not know, naming `name`, the number and the pixel.
GroundTruth apply(const MaskRule& rule, LabelPicture mask, const std::string& name);
// Also throws what load_label_png throws.
GroundTruth read_ground_truth(const std::filesystem::path& mask, const MaskRule& rule);

}  // namespace sclip
