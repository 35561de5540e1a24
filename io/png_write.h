// PNG files from 8-bit RGB pictures and from label maps, and nothing else of PNG.
//
// Written in stripes of about a megabyte, filtered and deflated on the threads of a pool: the file's bytes do not
// depend on the number of threads. Filters and strategy were chosen by measurement (see png_write.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "core/image_view.h"
#include "core/thread_pool.h"
#include "io/palette.h"

namespace sclip {

struct LabelView {
  const uint16_t* labels = nullptr;  // (H0, W0), contiguous
  int width = 0;
  int height = 0;
};

// The atomic ones throw kIo with the path; the file appears whole or not at all.
void write_png_rgb(const std::filesystem::path& path, ImageView picture, ThreadPool& pool);
std::vector<std::byte> encode_png_rgb(ImageView picture, ThreadPool& pool);

// Pixel value = label. Up to 256 colours: an indexed picture with this palette; more: 16-bit grey without one.
// Every label must be below the palette's size (kInvalidArgument).
void write_png_labels(const std::filesystem::path& path, LabelView picture, std::span<const Rgb> palette,
                      ThreadPool& pool);
std::vector<std::byte> encode_png_labels(LabelView picture, std::span<const Rgb> palette, ThreadPool& pool);

}  // namespace sclip
