// What the numbers of a mask mean: a class, a pixel that does not count, or nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sclip {

enum class MaskRuleKind : uint8_t {
  kAsStored,       // the number is the class
  kZeroIsVoid,     // 0 does not count, and the others are one too high (mmsegmentation's reduce_zero_label)
  kCocoObjectIds,  // COCO's category numbers less one: the 80 things are classes 1 … 80, all else is background
  kCocoStuffIds,   // the same numbers: 80 things, then 91 stuffs
  kCityscapesIds,  // Cityscapes' numbers (gtFine_labelIds): 19 of them count
  kListed,         // as a data set's own classes.txt says
};
std::string_view describe(MaskRuleKind kind);  // "the number is the class", for people

// Labels of ground truth beside the classes.
inline constexpr uint16_t kIgnoredLabel = 65535;  // does not count
inline constexpr uint16_t kUnknownLabel = 65534;  // a number that the rule gives no meaning

// A table from a mask's number to a class; 255 never counts, unless it is listed as a class.
class MaskRule {
 public:
  // Not for kListed.
  MaskRule(MaskRuleKind kind, size_t classes);
  // Class i is written as ids[i]; the pixels of `ignored` do not count.
  static MaskRule listed(std::span<const int> ids, std::span<const int> ignored);

  MaskRuleKind kind() const { return kind_; }
  size_t classes() const { return classes_; }
  // A class, kIgnoredLabel or kUnknownLabel.
  uint16_t class_of(uint16_t number) const { return number < table_.size() ? table_[number] : kUnknownLabel; }

 private:
  MaskRule(MaskRuleKind kind, size_t classes, size_t numbers)
      : kind_(kind), classes_(classes), table_(numbers, kUnknownLabel) {}

  MaskRuleKind kind_;
  size_t classes_;
  std::vector<uint16_t> table_;  // by number
};

}  // namespace sclip
