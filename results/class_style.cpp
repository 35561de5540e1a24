#include "results/class_style.h"

#include <algorithm>
#include <string_view>

namespace sclip {
namespace {

constexpr uint8_t kBackgroundOpacity = 64;

}  // namespace

bool has_background(std::span<const std::string> class_names) {
  static constexpr std::string_view kName = "background";
  const auto same = [](char name, char lower) {
    return name == lower || (name >= 'A' && name <= 'Z' && name + 32 == lower);
  };
  return !class_names.empty() &&
         std::equal(class_names[0].begin(), class_names[0].end(), kName.begin(), kName.end(), same);
}

std::vector<ClassStyle> class_styles(std::span<const std::string> class_names) {
  const bool background = has_background(class_names);
  std::vector<ClassStyle> styles;
  for (const Rgb color : make_palette(class_names.size(), background)) styles.push_back({.color = color});
  if (background) styles[0].opacity = kBackgroundOpacity;
  return styles;
}

}  // namespace sclip
