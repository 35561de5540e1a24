// Image: an 8-bit RGB picture that owns its pixels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/buffer.h"
#include "sclip/image_view.h"

namespace sclip {

struct Image {
  int width = 0;               // W0
  int height = 0;              // H0
  AlignedBuffer<uint8_t> rgb;  // (H0, W0, 3)

  Image() = default;
  Image(int w, int h) : width(w), height(h), rgb(static_cast<size_t>(w) * static_cast<size_t>(h) * 3) {}
  ImageView view() const { return {rgb.data(), width, height}; }
};

}  // namespace sclip
