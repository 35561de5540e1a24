// PNG files from 8-bit RGB pictures and from label maps, and nothing else of PNG.
//
// Written in stripes of about a megabyte, filtered and deflated on the threads of a pool: the file's bytes do not
// depend on the number of threads. Filters and strategy were chosen by measurement (see png_write.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "io/palette.h"
#include "sclip/image_view.h"

namespace sclip {

struct LabelView {
  const uint16_t* labels = nullptr;  // (H0, W0), contiguous
  int width = 0;
  int height = 0;
};

// Each has "Software: sclip" as its first text, by which a file that sclip wrote is known again.
bool is_marked_png(std::span<const std::byte> head);  // the first kPngMarkBytes of the file, or all of a shorter one
inline constexpr size_t kPngMarkBytes = 64;

std::vector<std::byte> encode_png_rgb(ImageView picture, ThreadPool& pool);

// Pixel value = label; every label must be below the number of classes (kInvalidArgument).
// Up to 256 colours: an indexed picture with this palette; more: what encode_png_grey makes.
std::vector<std::byte> encode_png_labels(LabelView picture, std::span<const Rgb> palette, ThreadPool& pool);
// Grey without a palette, which every reader returns as it is: 8 bits up to 256 classes, else 16.
std::vector<std::byte> encode_png_grey(LabelView picture, size_t classes, ThreadPool& pool);

// 8-bit grey: 255 where the label is this one, else 0.
std::vector<std::byte> encode_png_class(LabelView picture, uint16_t label, ThreadPool& pool);

}  // namespace sclip
