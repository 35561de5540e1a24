#include "io/canvas.h"

#include <algorithm>
#include <cmath>

namespace sclip {

void blend_pixel(const Canvas& canvas, int x, int y, Rgb color, int coverage) {
  if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
  uint8_t* pixel = canvas.at(x, y);
  const int over[3] = {color.r, color.g, color.b};
  for (int c = 0; c < 3; ++c) {
    pixel[c] = static_cast<uint8_t>((pixel[c] * (255 - coverage) + over[c] * coverage + 127) / 255);
  }
}

void fill_rectangle(const Canvas& canvas, int x, int y, int width, int height, Rgb color) {
  const int x1 = std::min(canvas.width, x + width), y1 = std::min(canvas.height, y + height);
  for (int yy = std::max(0, y); yy < y1; ++yy) {
    for (int xx = std::max(0, x); xx < x1; ++xx) {
      uint8_t* pixel = canvas.at(xx, yy);
      pixel[0] = color.r;
      pixel[1] = color.g;
      pixel[2] = color.b;
    }
  }
}

void fill_rounded_square(const Canvas& canvas, int x, int y, int size, double radius, Rgb color) {
  const double half = size / 2.0;
  for (int yy = 0; yy < size; ++yy) {
    for (int xx = 0; xx < size; ++xx) {
      // Distance from the corner's circle; half a pixel inside or outside its edge decides the coverage.
      const double dx = std::max(std::abs(xx + 0.5 - half) - (half - radius), 0.0);
      const double dy = std::max(std::abs(yy + 0.5 - half) - (half - radius), 0.0);
      const double inside = std::clamp(radius - std::hypot(dx, dy) + 0.5, 0.0, 1.0);
      blend_pixel(canvas, x + xx, y + yy, color, static_cast<int>(std::lround(255 * inside)));
    }
  }
}

}  // namespace sclip
