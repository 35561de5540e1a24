// How classes look in pictures: one rule for masks, overlays and legends.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/palette.h"

namespace sclip {

struct ClassStyle {
  Rgb color;
  uint8_t opacity = 128;  // over the photo, 0 … 255
};

// Whether class 0 is the background: what none of the other words fits. It is when it is called so, in whatever case.
// Another class of that name is a class like any other: only class 0 takes the pixels below a threshold.
bool has_background(std::span<const std::string> class_names);

// Of pixels that no class has, in pictures without a photo: VOC's colour of what is void.
inline constexpr Rgb kIgnoredColor = {224, 224, 192};

// The background is black and lets more of the photo through; all others have colours.
std::vector<ClassStyle> class_styles(std::span<const std::string> class_names);

}  // namespace sclip
