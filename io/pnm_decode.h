// PNM: binary grey (P5) and RGB (P6) pictures of 8 or 16 bits, scaled from their own maximum to 255.
// stb_image ignores the maximum, and reads beyond its memory when 16-bit grey is to become RGB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "io/image.h"

namespace sclip {

struct PnmHeader {
  int64_t width = 0;
  int64_t height = 0;
  int maximum = 0;     // 1 … 65535; above 255 a sample has two bytes, the high one first
  int channels = 0;    // 1 or 3
  size_t pixels = 0;   // where they begin
  std::string damage;  // "is damaged: …", or empty

  uint64_t pixel_bytes() const {
    return static_cast<uint64_t>(width) * static_cast<uint64_t>(height) * static_cast<uint64_t>(channels) *
           (maximum > 255 ? 2 : 1);
  }
};

PnmHeader read_pnm_header(std::span<const std::byte> bytes);
// `bytes` hold header.pixel_bytes() from header.pixels on.
Image decode_pnm(std::span<const std::byte> bytes, const PnmHeader& header);

}  // namespace sclip
