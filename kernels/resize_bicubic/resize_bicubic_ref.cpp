#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/resize_bicubic/resize_bicubic.h"
#include "kernels/resize_normalize/rgb_ref.h"

namespace sclip::ref {
namespace {

double cubic(double x) {
  const double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// Resizes the first axis of (n, inner) to (out, inner).
std::vector<uint8_t> resize_axis(const std::vector<uint8_t>& in, int64_t n, int64_t out, int64_t inner) {
  if (n == out) return in;
  std::vector<uint8_t> result(static_cast<size_t>(out * inner));
  const double scale = static_cast<double>(n) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  for (int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<int64_t>(static_cast<int64_t>(centre - 2 * stretch + 0.5), 0);
    const auto last = std::min(static_cast<int64_t>(centre + 2 * stretch + 0.5), n);
    std::vector<double> weights;
    double sum = 0;
    for (int64_t j = first; j < last; ++j) {
      weights.push_back(cubic((static_cast<double>(j) - centre + 0.5) * (1.0 / stretch)));
      sum += weights.back();
    }
    for (int64_t x = 0; x < inner; ++x) {
      int64_t total = 1 << 21;
      for (int64_t j = first; j < last; ++j) {
        const double w = weights[static_cast<size_t>(j - first)] / sum * (1 << 22);
        total += in[static_cast<size_t>(j * inner + x)] * static_cast<int64_t>(w < 0 ? w - 0.5 : w + 0.5);
      }
      result[static_cast<size_t>(i * inner + x)] = static_cast<uint8_t>(std::clamp<int64_t>(total >> 22, 0, 255));
    }
  }
  return result;
}

// (rows, columns, 3) → (columns, rows, 3)
std::vector<uint8_t> transpose(const std::vector<uint8_t>& in, int64_t rows, int64_t columns) {
  std::vector<uint8_t> out(in.size());
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t x = 0; x < columns; ++x)
      for (int64_t c = 0; c < 3; ++c)
        out[static_cast<size_t>((x * rows + y) * 3 + c)] = in[static_cast<size_t>((y * columns + x) * 3 + c)];
  return out;
}

}  // namespace

void resize_bicubic(const ResizeBicubicParams& p) {
  const int64_t src_height = p.src.height, src_width = p.src.width;
  const int64_t shortest = std::min(src_height, src_width);
  const int64_t height = src_height * p.size / shortest;
  const int64_t width = src_width * p.size / shortest;
  std::vector<uint8_t> photo = rgb(p.src);
  photo = transpose(photo, src_height, src_width);
  photo = resize_axis(photo, src_width, width, src_height * 3);
  photo = transpose(photo, width, src_height);
  photo = resize_axis(photo, src_height, height, width * 3);
  const auto top = static_cast<int64_t>(std::nearbyint(static_cast<double>(height - p.size) / 2));
  const auto left = static_cast<int64_t>(std::nearbyint(static_cast<double>(width - p.size) / 2));
  for (int64_t c = 0; c < 3; ++c)
    for (int64_t y = 0; y < p.size; ++y)
      for (int64_t x = 0; x < p.size; ++x) {
        const float value = photo[static_cast<size_t>(((top + y) * width + left + x) * 3 + c)];
        const auto channel = static_cast<size_t>(c);
        p.dst[(c * p.size + y) * p.size + x] = (value - p.mean[channel]) / p.std[channel];
      }
}

}  // namespace sclip::ref
