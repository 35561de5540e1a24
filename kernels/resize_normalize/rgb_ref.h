// For the oracles of the resize kernels: any picture as plain (H0, W0, 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sclip/image_view.h"

namespace sclip::ref {

inline std::vector<uint8_t> rgb(const ImageView& view) {
  const bool grey = view.order == ChannelOrder::kGrey;
  const bool alpha = view.order == ChannelOrder::kRgba || view.order == ChannelOrder::kBgra;
  const bool reversed = view.order == ChannelOrder::kBgr || view.order == ChannelOrder::kBgra;
  const int64_t pixel = grey ? 1 : alpha ? 4 : 3;
  const int64_t row = view.row_stride == 0 ? view.width * pixel : view.row_stride;
  std::vector<uint8_t> out;
  out.reserve(static_cast<size_t>(view.width) * static_cast<size_t>(view.height) * 3);
  for (int64_t y = 0; y < view.height; ++y) {
    for (int64_t x = 0; x < view.width; ++x) {
      for (int64_t c = 0; c < 3; ++c) {
        out.push_back(view.pixels[y * row + x * pixel + (grey ? 0 : reversed ? 2 - c : c)]);
      }
    }
  }
  return out;
}

}  // namespace sclip::ref
