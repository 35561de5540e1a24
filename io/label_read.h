// Label pictures as they are stored: the number of each pixel, not its colour.
//
// PNG only: palette indices are kept, and so are 1, 2, 4, 8 and 16 bits of grey; alpha is dropped. Nothing is scaled.
//
// Throws, with the file's name and the reason: kUnsupported for pictures that hold no number a pixel (colours, other
// formats) and for more pixels than DecodeOptions allows; kCorruptData for files that are truncated or damaged;
// kNotFound and kIo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace sclip {

struct LabelPicture {
  int width = 0;
  int height = 0;
  int bits = 0;                  // 1, 2, 4, 8 or 16, as stored
  bool has_palette = false;      // labels are indices of one, else grey values
  std::vector<uint16_t> labels;  // (height, width)
};

LabelPicture decode_label_png(std::span<const std::byte> bytes, const std::string& name);
LabelPicture load_label_png(const std::filesystem::path& path);

}  // namespace sclip
