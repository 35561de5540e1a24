// Canvas: a picture to draw on, owned by somebody else; drawing outside it is clipped.
#pragma once

#include <cstddef>
#include <cstdint>

#include "io/palette.h"

namespace sclip {

struct Canvas {
  uint8_t* rgb = nullptr;  // (height, width, 3), rows `stride` bytes apart
  int width = 0;
  int height = 0;
  size_t stride = 0;

  uint8_t* at(int x, int y) const { return rgb + static_cast<size_t>(y) * stride + static_cast<size_t>(x) * 3; }
};

// Lays `color` over a pixel with a coverage of 0 … 255.
void blend_pixel(const Canvas& canvas, int x, int y, Rgb color, int coverage);
void fill_rectangle(const Canvas& canvas, int x, int y, int width, int height, Rgb color);
// Smooth edges.
void fill_rounded_square(const Canvas& canvas, int x, int y, int size, double radius, Rgb color);

}  // namespace sclip
