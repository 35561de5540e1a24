#include "evaluation/mask_rule.h"

#include <algorithm>
#include <array>

#include "sclip/class_list.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr size_t kVoid = 255;
constexpr size_t kCocoThings = 80, kCocoNumbers = 182, kCocoFirstStuff = 91;

// COCO's category numbers, less one, that no category has.
constexpr std::array<uint16_t, 11> kCocoGaps = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90};

// Cityscapes' numbers of its 19 classes, in the order of their train ids.
constexpr std::array<uint16_t, 19> kCityscapesCounted = {7,  8,  11, 12, 13, 17, 19, 20, 21, 22,
                                                         23, 24, 25, 26, 27, 28, 31, 32, 33};
constexpr size_t kCityscapesNumbers = 34;

bool is_gap(size_t number) {
  return std::find(kCocoGaps.begin(), kCocoGaps.end(), number) != kCocoGaps.end();
}

}  // namespace

std::string_view describe(MaskRuleKind kind) {
  switch (kind) {
    case MaskRuleKind::kAsStored: return "the number is the class, 255 does not count";
    case MaskRuleKind::kZeroIsVoid: return "0 and 255 do not count, and the others are one too high";
    case MaskRuleKind::kCocoObjectIds:
      return "COCO's category numbers less one: things are classes 1 … 80, all else is background";
    case MaskRuleKind::kCocoStuffIds:
      return "COCO's category numbers less one: 80 things, then 91 stuffs; 255 does not count";
    case MaskRuleKind::kCityscapesIds: return "Cityscapes' own numbers, of which 19 count";
    case MaskRuleKind::kListed: return "as classes.txt lists them";
  }
  return "";
}

MaskRule::MaskRule(MaskRuleKind kind, size_t classes) : MaskRule(kind, classes, size_t{0}) {
  SCLIP_CHECK(kind != MaskRuleKind::kListed, kInternal, "a listed label rule without its list");
  const size_t first = kind == MaskRuleKind::kZeroIsVoid ? 1 : 0;
  table_.assign(std::max(kVoid + 1, classes + first), kUnknownLabel);
  table_[kVoid] = kIgnoredLabel;
  const auto set = [&](size_t number, size_t id) { table_[number] = static_cast<uint16_t>(id); };
  switch (kind) {
    case MaskRuleKind::kZeroIsVoid: table_[0] = kIgnoredLabel; [[fallthrough]];
    case MaskRuleKind::kAsStored:
      // A class 255 would be void to every other program: such a set counts as stored up to there only.
      for (size_t i = 0; i < classes; ++i) {
        if (i + first != kVoid) set(i + first, i);
      }
      break;
    case MaskRuleKind::kCocoObjectIds:
    case MaskRuleKind::kCocoStuffIds: {
      const bool object = kind == MaskRuleKind::kCocoObjectIds;
      SCLIP_CHECK(classes == (object ? kCocoThings + 1 : kCocoThings + kCocoNumbers - kCocoFirstStuff),
                  kInvalidArgument, "masks with COCO's numbers have 81 or 171 classes, and the list has ", classes);
      size_t next = 0;
      for (size_t number = 0; number < kCocoNumbers; ++number) {
        if (number < kCocoFirstStuff ? is_gap(number) : object) {
          if (object) set(number, 0);
          continue;
        }
        set(number, object ? ++next : next++);
      }
      if (object) set(kVoid, 0);  // the published conversion counts what is unlabelled as background
      break;
    }
    case MaskRuleKind::kCityscapesIds:
      SCLIP_CHECK(classes == kCityscapesCounted.size(), kInvalidArgument,
                  "masks with Cityscapes' numbers have 19 classes, and the list has ", classes);
      for (size_t number = 0; number < kCityscapesNumbers; ++number) table_[number] = kIgnoredLabel;
      for (size_t i = 0; i < kCityscapesCounted.size(); ++i) set(kCityscapesCounted[i], i);
      break;
    case MaskRuleKind::kListed: break;
  }
}

MaskRule MaskRule::listed(std::span<const int> ids, std::span<const int> ignored) {
  int most = static_cast<int>(kVoid);
  for (const auto& list : {ids, ignored}) {
    for (const int id : list) {
      SCLIP_CHECK(id >= 0 && static_cast<size_t>(id) < ClassList::kMaxClasses, kInvalidArgument, "the label ", id,
                  " cannot be in a mask: it must lie in 0…", ClassList::kMaxClasses - 1);
      most = std::max(most, id);
    }
  }
  MaskRule rule(MaskRuleKind::kListed, ids.size(), static_cast<size_t>(most) + 1);
  rule.table_[kVoid] = kIgnoredLabel;
  for (const int id : ignored) rule.table_[static_cast<size_t>(id)] = kIgnoredLabel;
  for (size_t i = 0; i < ids.size(); ++i) rule.table_[static_cast<size_t>(ids[i])] = static_cast<uint16_t>(i);
  return rule;
}

}  // namespace sclip
