// Colours for classes: any number of them, all different, the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sclip {

struct Rgb {
  uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Rgb&) const = default;
};

// A colour for each class: the first black if asked for; every other the colour that is farthest, to the eye, from all
// before it, so that class i has the same colour however many follow.
std::vector<Rgb> make_palette(size_t classes, bool black_first);

}  // namespace sclip
