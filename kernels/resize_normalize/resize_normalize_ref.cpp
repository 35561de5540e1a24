#include <algorithm>
#include <cmath>

#include "kernels/resize_normalize/resize_normalize.h"
#include "kernels/resize_normalize/rgb_ref.h"

namespace sclip::ref {
namespace {

struct Tap {
  int64_t first, second;
  int weight_first, weight_second;
};

Tap tap(int64_t i, int64_t src, int64_t dst, bool outside_weighs_nothing) {
  const double scale = 1.0 / (static_cast<double>(dst) / static_cast<double>(src));
  auto f = static_cast<float>((static_cast<double>(i) + 0.5) * scale - 0.5);
  auto s = static_cast<int64_t>(std::floor(f));
  f -= static_cast<float>(s);
  if (outside_weighs_nothing && s < 0) s = 0, f = 0;
  if (outside_weighs_nothing && s >= src - 1) s = src - 1, f = 0;
  return {std::clamp<int64_t>(s, 0, src - 1), std::clamp<int64_t>(s + 1, 0, src - 1),
          static_cast<int>(std::rint((1 - f) * 2048)), static_cast<int>(std::rint(f * 2048))};
}

}  // namespace

void resize_normalize(const ResizeNormalizeParams& p) {
  const std::vector<uint8_t> photo = rgb(p.src);
  for (int64_t y = 0; y < p.dst_height; ++y) {
    Tap row = tap(y, p.height(), p.dst_height, false);
    if (p.paired()) row.first = 2 * y, row.second = 2 * y + 1;
    for (int64_t x = 0; x < p.dst_width; ++x) {
      const Tap column = tap(x, p.src.width, p.dst_width, true);
      for (int64_t c = 0; c < 3; ++c) {
        const auto pixel = [&](int64_t yy, int64_t xx) {
          return int{photo[static_cast<size_t>((yy * p.src.width + xx) * 3 + c)]};
        };
        const auto across = [&](int64_t yy) {
          return pixel(yy, column.first) * column.weight_first + pixel(yy, column.second) * column.weight_second;
        };
        const int upper = ((across(row.first) >> 4) * row.weight_first) >> 16;
        const int lower = ((across(row.second) >> 4) * row.weight_second) >> 16;
        const auto channel = static_cast<size_t>(c);
        p.dst[c * p.plane_stride() + y * p.row_stride() + x] =
            (static_cast<float>((upper + lower + 2) >> 2) - p.mean[channel]) / p.std[channel];
      }
    }
  }
}

}  // namespace sclip::ref
