#include "engine/window_grid.h"

#include <algorithm>

#include "sclip/error.h"

namespace sclip {
namespace {

int64_t count_of(int length, int crop, int stride) {
  // In 64 bits: a stride may be as large as an int.
  return std::max<int64_t>(static_cast<int64_t>(length) - crop + stride - 1, 0) / stride + 1;
}

std::vector<int32_t> edges(int length, int crop, int stride) {
  const int64_t count = count_of(length, crop, stride);
  std::vector<int32_t> out(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t end = std::min<int64_t>(i * stride + crop, length);
    out[static_cast<size_t>(i)] = static_cast<int32_t>(std::max<int64_t>(end - crop, 0));
  }
  return out;
}

}  // namespace

Window WindowGrid::window(int i) const {
  const auto columns = static_cast<int>(xs.size());
  return {xs[static_cast<size_t>(i % columns)], ys[static_cast<size_t>(i / columns)], window_width, window_height};
}

WindowGrid make_window_grid(int height, int width, int crop, int stride) {
  SCLIP_CHECK(height >= 1 && width >= 1, kInvalidArgument, "cannot lay windows on a photo of ", width, "×", height,
              " pixels");
  SCLIP_CHECK(crop >= 0, kInvalidArgument, "the window size is ", crop, "; give 0 for the whole photo, or more");
  WindowGrid grid;
  grid.width = width;
  grid.height = height;
  if (crop == 0) {
    grid.window_width = width;
    grid.window_height = height;
    grid.xs = grid.ys = {0};
    return grid;
  }
  SCLIP_CHECK(stride >= 1 && stride <= crop, kInvalidArgument, "windows of ", crop, " pixels at a stride of ", stride,
              " leave gaps or never advance; give a stride from 1 to ", crop);
  const int64_t across = count_of(width, crop, stride), down = count_of(height, crop, stride);
  SCLIP_CHECK(across * down <= kMaxWindows, kInvalidArgument, "windows of ", crop, " pixels at a stride of ", stride,
              " are ", across, "×", down, " on a photo of ", width, "×", height, " pixels; at most ", kMaxWindows,
              " are possible: give a larger stride or a smaller photo");
  grid.window_width = std::min(crop, width);
  grid.window_height = std::min(crop, height);
  grid.xs = edges(width, crop, stride);
  grid.ys = edges(height, crop, stride);
  return grid;
}

}  // namespace sclip
