// A large photo made small for people to look at, while it passes by row by row.
#pragma once

#include <cstdint>
#include <vector>

#include "io/image.h"
#include "io/png_write.h"

namespace sclip {

// Pixels of a photo above which its overlay is a preview, and those of the preview at most.
inline constexpr int64_t kLargePhotoPixels = int64_t{1} << 26;
inline constexpr int64_t kPreviewPixels = int64_t{1} << 24;

// Averages of boxes of n × n pixels; those at the right and lower edges may be smaller.
class Preview {
 public:
  Preview(int width, int height);

  void add(const uint8_t* rgb, int64_t rows);    // the next ones, (rows, width, 3)
  const Image& image() const { return image_; }  // once all rows were added

 private:
  int width_, height_, box_;
  int64_t next_row_ = 0;
  std::vector<uint32_t> sums_;
  Image image_;
};

// The labels of the boxes' middles, for a preview of width × height pixels.
std::vector<uint16_t> preview_labels(LabelView labels, int width, int height);

}  // namespace sclip
