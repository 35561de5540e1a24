#include "evaluation/ground_truth.h"

#include <utility>

#include "sclip/error.h"

namespace sclip {

GroundTruth apply(const MaskRule& rule, LabelPicture mask, const std::string& name) {
  for (size_t i = 0; i < mask.labels.size(); ++i) {
    const uint16_t number = mask.labels[i];
    const uint16_t label = rule.class_of(number);
    if (label == kUnknownLabel) {
      const auto width = static_cast<size_t>(mask.width);
      fail(ErrorCode::kCorruptData, "the mask ", name, " holds the number ", number, " at ", i % width, ",", i / width,
           ", which no class of the ", rule.classes(), " has (", describe(rule.kind()), ")");
    }
    mask.labels[i] = label;
  }
  return {mask.width, mask.height, std::move(mask.labels)};
}

GroundTruth read_ground_truth(const std::filesystem::path& mask, const MaskRule& rule) {
  return apply(rule, load_label_png(mask), mask.string());
}

}  // namespace sclip
