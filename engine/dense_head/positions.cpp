#include "engine/dense_head/positions.h"

#include <algorithm>
#include <cmath>

#include "sclip/error.h"

namespace sclip {
namespace {

struct Tap {
  int64_t index;
  double weight;
};
using Axis = std::vector<std::vector<Tap>>;  // what each output is made of

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

Axis antialiased_axis(int64_t out, int64_t in) {
  const double scale = static_cast<double>(in) / static_cast<double>(out), widened = std::max(scale, 1.0);
  Axis axis(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const double source = (static_cast<double>(i) + 0.5) * scale - 0.5;
    std::vector<Tap>& taps = axis[static_cast<size_t>(i)];
    double sum = 0;
    for (int64_t j = 0; j < in; ++j) {
      const double weight = cubic((static_cast<double>(j) - source) / widened);
      if (weight == 0) continue;
      taps.push_back({j, weight});
      sum += weight;
    }
    for (Tap& tap : taps) tap.weight /= sum;
  }
  return axis;
}

Axis bilinear_axis(int64_t out, int64_t in) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  Axis axis(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const double source = std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0, static_cast<double>(in - 1));
    const auto first = static_cast<int64_t>(source);
    const double share = source - static_cast<double>(first);
    axis[static_cast<size_t>(i)] = {{first, 1 - share}, {std::min(first + 1, in - 1), share}};
  }
  return axis;
}

std::vector<float> resample(const float* table, int64_t table_tokens, int64_t cols, int64_t grid_h, int64_t grid_w,
                            Axis (*axis)(int64_t out, int64_t in)) {
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(table_tokens - 1))));
  SCLIP_CHECK(side * side + 1 == table_tokens, kCorruptData, "the position table has ", table_tokens,
              " rows: not a class token and a square grid");
  const Axis rows = axis(grid_h, side), columns = axis(grid_w, side);
  std::vector<float> out(static_cast<size_t>((1 + grid_h * grid_w) * cols));
  std::copy_n(table, cols, out.begin());
  std::vector<double> sum(static_cast<size_t>(cols));
  for (int64_t y = 0; y < grid_h; ++y) {
    for (int64_t x = 0; x < grid_w; ++x) {
      std::fill(sum.begin(), sum.end(), 0.0);
      for (const Tap& row : rows[static_cast<size_t>(y)]) {
        for (const Tap& column : columns[static_cast<size_t>(x)]) {
          const float* from = table + (1 + row.index * side + column.index) * cols;
          const double weight = row.weight * column.weight;
          for (size_t c = 0; c < sum.size(); ++c) sum[c] += weight * double{from[c]};
        }
      }
      float* to = out.data() + (1 + y * grid_w + x) * cols;
      for (size_t c = 0; c < sum.size(); ++c) to[c] = static_cast<float>(sum[c]);
    }
  }
  return out;
}

}  // namespace

std::vector<float> antialiased_positions(const float* table, int64_t table_tokens, int64_t cols, int64_t grid_h,
                                         int64_t grid_w) {
  return resample(table, table_tokens, cols, grid_h, grid_w, antialiased_axis);
}

std::vector<float> bilinear_positions(const float* table, int64_t table_tokens, int64_t cols, int64_t grid_h,
                                      int64_t grid_w) {
  return resample(table, table_tokens, cols, grid_h, grid_w, bilinear_axis);
}

}  // namespace sclip
