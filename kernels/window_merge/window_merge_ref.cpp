#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/window_merge/window_merge.h"

namespace sclip::ref {
namespace {

using Plane = std::vector<double>;

// One plane, as torch does it: the coordinates in f32, here the values in double.
Plane interpolate(const Plane& in, int64_t in_h, int64_t in_w, int64_t out_h, int64_t out_w) {
  const auto source = [](int64_t n_in, int64_t n_out, int64_t i) {
    const float scale = static_cast<float>(n_in) / static_cast<float>(n_out);
    return std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
  };
  Plane out(static_cast<size_t>(out_h * out_w));
  for (int64_t y = 0; y < out_h; ++y) {
    const float sy = source(in_h, out_h, y);
    const auto y0 = static_cast<int64_t>(sy);
    const int64_t y1 = y0 + (y0 < in_h - 1 ? 1 : 0);
    const double fy = sy - static_cast<float>(y0);
    for (int64_t x = 0; x < out_w; ++x) {
      const float sx = source(in_w, out_w, x);
      const auto x0 = static_cast<int64_t>(sx);
      const int64_t x1 = x0 + (x0 < in_w - 1 ? 1 : 0);
      const double fx = sx - static_cast<float>(x0);
      const auto at = [&](int64_t i, int64_t j) { return in[static_cast<size_t>(i * in_w + j)]; };
      out[static_cast<size_t>(y * out_w + x)] =
          (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x1)) + fy * ((1 - fx) * at(y1, x0) + fx * at(y1, x1));
    }
  }
  return out;
}

// The logits of query k at the photo's size.
Plane photo_logits(const WindowLogits& p, int64_t k) {
  Plane sum(static_cast<size_t>(p.resized_height * p.resized_width), 0.0);
  Plane count(sum.size(), 0.0);
  for (int64_t window = 0; window < p.windows_x * p.windows_y; ++window) {
    Plane patches(static_cast<size_t>(p.grid_h * p.grid_w));
    for (size_t i = 0; i < patches.size(); ++i) {
      patches[i] = p.logits[(window * p.grid_h * p.grid_w + static_cast<int64_t>(i)) * p.queries + k];
    }
    const Plane pixels = interpolate(patches, p.grid_h, p.grid_w, p.window_height, p.window_width);
    for (int64_t y = 0; y < p.window_height; ++y) {
      for (int64_t x = 0; x < p.window_width; ++x) {
        const int64_t row = p.window_y[window / p.windows_x] + y;
        const int64_t column = p.window_x[window % p.windows_x] + x;
        const auto at = static_cast<size_t>(row * p.resized_width + column);
        sum[at] += pixels[static_cast<size_t>(y * p.window_width + x)];
        count[at] += 1;
      }
    }
  }
  for (size_t i = 0; i < sum.size(); ++i) sum[i] /= count[i];
  return interpolate(sum, p.resized_height, p.resized_width, p.photo_height, p.photo_width);
}

}  // namespace

void window_planes(const WindowLogits& w, double* planes) {
  for (int64_t k = 0; k < w.queries; ++k) {
    const Plane plane = photo_logits(w, k);
    std::copy(plane.begin(), plane.end(), planes + k * w.photo_width * w.photo_height);
  }
}

}  // namespace sclip::ref
