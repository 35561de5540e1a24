// ImageView: an 8-bit RGB picture that somebody else owns.
#pragma once

#include <cstdint>

namespace sclip {

struct ImageView {
  const uint8_t* rgb = nullptr;  // (H0, W0, 3), contiguous
  int width = 0;                 // W0
  int height = 0;                // H0
};

}  // namespace sclip
