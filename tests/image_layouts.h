// One picture laid out in every way that an ImageView can describe.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "sclip/error.h"
#include "sclip/image_view.h"

namespace sclip::testing {

struct ImageLayout {
  ChannelOrder order = ChannelOrder::kRgb;
  int gap = 0;  // bytes between a row's end and the next one
  bool bottom_up = false;
  std::string name() const { return str(to_string(order), ", gap ", gap, bottom_up ? ", bottom up" : ""); }
};

inline std::vector<ImageLayout> image_layouts() {
  std::vector<ImageLayout> out;
  for (const ChannelOrder order :
       {ChannelOrder::kRgb, ChannelOrder::kBgr, ChannelOrder::kRgba, ChannelOrder::kBgra, ChannelOrder::kGrey}) {
    for (const int gap : {0, 1, 13}) {
      for (const bool bottom_up : {false, true}) out.push_back({order, gap, bottom_up});
    }
  }
  return out;
}

// `bytes` holds the picture and nothing after its last row, so that whoever reads beyond leaves the allocation. Gaps
// and alpha are noise.
struct LaidOutImage {
  std::vector<uint8_t> bytes;
  ImageView view;          // its pixels are `bytes`'
  int64_t first_byte = 0;  // of the upper row, in `bytes`

  // The same with the bytes at `memory`.
  ImageView at(const uint8_t* memory) const {
    ImageView out = view;
    out.pixels = memory + first_byte;
    return out;
  }
};

// `rgb` is (height, width, 3); for grey its channels must be equal.
inline LaidOutImage lay_out(const std::vector<uint8_t>& rgb, int height, int width, const ImageLayout& layout) {
  const bool grey = layout.order == ChannelOrder::kGrey;
  const bool alpha = layout.order == ChannelOrder::kRgba || layout.order == ChannelOrder::kBgra;
  const bool reversed = layout.order == ChannelOrder::kBgr || layout.order == ChannelOrder::kBgra;
  const int64_t pixel = grey ? 1 : alpha ? 4 : 3;
  const int64_t row = width * pixel, stride = row + layout.gap;
  LaidOutImage out;
  out.bytes.resize(static_cast<size_t>((height - 1) * stride + row));
  std::mt19937 noise(5);
  for (uint8_t& byte : out.bytes) byte = static_cast<uint8_t>(noise());
  for (int64_t y = 0; y < height; ++y) {
    const int64_t at = (layout.bottom_up ? height - 1 - y : y) * stride;
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < (grey ? 1 : 3); ++c) {
        out.bytes[static_cast<size_t>(at + x * pixel + (reversed ? 2 - c : c))] =
            rgb[static_cast<size_t>((y * width + x) * 3 + c)];
      }
    }
  }
  out.first_byte = layout.bottom_up ? (height - 1) * stride : 0;
  const bool touching = layout.gap == 0 && !layout.bottom_up;
  out.view = {out.bytes.data() + out.first_byte, width, height,
              touching           ? 0
              : layout.bottom_up ? -stride
                                 : stride,
              layout.order};
  return out;
}

// Noise; with equal channels for the layouts that hold no colour.
inline std::vector<uint8_t> noise_photo(int height, int width, ChannelOrder order, uint32_t seed = 7) {
  std::mt19937 generator(seed);
  std::vector<uint8_t> photo(static_cast<size_t>(height) * static_cast<size_t>(width) * 3);
  for (uint8_t& p : photo) p = static_cast<uint8_t>(generator());
  if (order == ChannelOrder::kGrey) {
    for (size_t i = 0; i < photo.size(); i += 3) photo[i + 1] = photo[i + 2] = photo[i];
  }
  return photo;
}

}  // namespace sclip::testing
