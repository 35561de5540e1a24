// Colours for classes: any number of them, all different, the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sclip {

struct Rgb {
  uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Rgb&) const = default;
};

// A colour for each class. A first class named "background" is black; every other gets the colour that is farthest, to
// the eye, from all before it, so that class i has the same colour however many follow.
std::vector<Rgb> make_palette(std::span<const std::string> class_names);
std::vector<Rgb> make_palette(size_t classes, bool black_first);

// The colours that the PASCAL VOC masks use: black, dark red, dark green, …
std::vector<Rgb> voc_palette(size_t classes);

}  // namespace sclip
