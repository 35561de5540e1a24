// Picture files to 8-bit RGB: the one door for pictures.
//
// JPEG, PNG, WebP (first frame), TIFF (first page), HEIC, AVIF, BMP, GIF (first frame), PNM and PSD by their content;
// TGA by its name or footer, having no signature. decode/formats.cpp is the table. Optional libraries decode some of
// them; a build without one refuses the format by name.
//
// The EXIF orientation of JPEG, PNG, WebP and TIFF is applied, HEIC's and AVIF's own. 16-bit samples keep their high
// byte (PNM: are scaled), grey is repeated, alpha is dropped, CMYK and YCCK become RGB without a colour profile.
//
// Throws, with the file's name and the reason: kUnsupported for other formats and pictures beyond the limits (found in
// the header, before anything of the picture's size is allocated), kCorruptData for files that are empty, truncated or
// damaged. A file that ends early is an error even when most of the picture could be shown, unless it is to be
// salvaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "core/thread_pool.h"
#include "io/image.h"

namespace sclip {

struct DecodeOptions {
  int64_t max_pixels = int64_t{1} << 28;           // 268 million: 0.8 GB decoded
  int64_t max_streamed_pixels = int64_t{1} << 30;  // of what is read row by row (picture_file.h)
  int64_t max_side = 65535;
  bool salvage = false;  // a damaged picture is taken as far as it goes, the rest being black or grey
};

// `name` is for messages, and tells TGA.
Image decode_image(std::span<const std::byte> bytes, const std::string& name, ThreadPool& pool,
                   const DecodeOptions& options = {});
// Also throws kNotFound and kIo.
Image load_image(const std::filesystem::path& path, ThreadPool& pool, const DecodeOptions& options = {});

}  // namespace sclip
