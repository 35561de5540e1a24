#include "io/preview.h"

#include <algorithm>
#include <cmath>

namespace sclip {
namespace {

int box_side(int64_t width, int64_t height) {
  int box = 1;
  while (((width + box - 1) / box) * ((height + box - 1) / box) > kPreviewPixels) ++box;
  return box;
}

}  // namespace

Preview::Preview(int width, int height)
    : width_(width),
      height_(height),
      box_(box_side(width, height)),
      image_((width + box_ - 1) / box_, (height + box_ - 1) / box_) {
  sums_.assign(static_cast<size_t>(image_.width) * 3, 0);
}

void Preview::add(const uint8_t* rgb, int64_t rows) {
  for (int64_t i = 0; i < rows; ++i, ++next_row_, rgb += int64_t{width_} * 3) {
    for (int x = 0, to = 0; x < width_; x += box_, to += 3) {
      const int end = std::min(width_, x + box_);
      for (int at = x; at < end; ++at) {
        for (int c = 0; c < 3; ++c) sums_[static_cast<size_t>(to + c)] += rgb[at * 3 + c];
      }
    }
    const bool last = next_row_ + 1 == height_;
    const auto lines = static_cast<uint32_t>(next_row_ % box_ + 1);
    if (!last && lines != static_cast<uint32_t>(box_)) continue;
    uint8_t* to = image_.rgb.data() + next_row_ / box_ * image_.width * 3;
    for (int x = 0; x < image_.width; ++x) {
      const uint32_t pixels = lines * static_cast<uint32_t>(std::min(box_, width_ - x * box_));
      for (int c = 0; c < 3; ++c) {
        uint32_t& sum = sums_[static_cast<size_t>(x * 3 + c)];
        to[x * 3 + c] = static_cast<uint8_t>((sum + pixels / 2) / pixels);
        sum = 0;
      }
    }
  }
}

std::vector<uint16_t> preview_labels(LabelView labels, int width, int height) {
  const int box = box_side(labels.width, labels.height);
  std::vector<uint16_t> out;
  out.reserve(static_cast<size_t>(width) * static_cast<size_t>(height));
  for (int y = 0; y < height; ++y) {
    const int64_t row = std::min(labels.height - 1, y * box + box / 2);
    for (int x = 0; x < width; ++x)
      out.push_back(labels.labels[row * labels.width + std::min(labels.width - 1, x * box + box / 2)]);
  }
  return out;
}

}  // namespace sclip
