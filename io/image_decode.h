// Picture files to 8-bit RGB.
//
// PNG, JPEG, BMP, GIF (first frame), PSD, PNM by their content, TGA by its name or footer: TGA has no magic number.
// The EXIF orientation of JPEG and PNG is applied. 16-bit samples keep their high byte (PNM: are scaled), grey is
// repeated, alpha is dropped, CMYK and YCCK become RGB without a colour profile.
//
// Throws, with the file's name and the reason: kUnsupported for other formats and pictures beyond the limits (found in
// the header, before anything is decoded), kCorruptData for files that are empty, truncated or damaged.
// A file that ends early is an error even when most of the picture could be shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "core/thread_pool.h"
#include "io/image.h"

namespace sclip {

struct DecodeLimits {
  int64_t max_pixels = int64_t{1} << 28;  // 268 million: 0.8 GB decoded
  int64_t max_side = 65535;
};

// `name` is for messages, and tells TGA.
Image decode_image(std::span<const std::byte> bytes, const std::string& name, ThreadPool& pool,
                   const DecodeLimits& limits = {});
// Also throws kNotFound and kIo.
Image load_image(const std::filesystem::path& path, ThreadPool& pool, const DecodeLimits& limits = {});

}  // namespace sclip
