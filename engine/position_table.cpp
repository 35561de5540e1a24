#include "engine/position_table.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sclip/error.h"

namespace sclip {
namespace {

struct Taps {
  std::array<int64_t, 4> index;
  std::array<float, 4> weight;
};

// Keys' cubic kernel with a = −0.75, as PyTorch's bicubic.
std::array<float, 4> cubic_weights(float t) {
  constexpr float a = -0.75f;
  const auto near = [](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  return {far(t + 1), near(t), near(1 - t), far(2 - t)};
}

std::vector<Taps> taps_of(int64_t out, int64_t in) {
  const auto scale = static_cast<float>(static_cast<double>(in) / (static_cast<double>(out) + 0.1));
  std::vector<Taps> taps(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const float source = (static_cast<float>(i) + 0.5f) * scale - 0.5f;
    const float floor = std::floor(source);
    Taps& t = taps[static_cast<size_t>(i)];
    t.weight = cubic_weights(source - floor);
    for (int64_t j = 0; j < 4; ++j) {
      t.index[static_cast<size_t>(j)] = std::clamp<int64_t>(static_cast<int64_t>(floor) - 1 + j, 0, in - 1);
    }
  }
  return taps;
}

}  // namespace

std::vector<float> position_table(const float* table, int64_t table_tokens, int64_t cols, int64_t grid_h,
                                  int64_t grid_w) {
  if (grid_h * grid_w + 1 == table_tokens) return {table, table + table_tokens * cols};
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(table_tokens - 1))));
  SCLIP_CHECK(side * side + 1 == table_tokens, kCorruptData, "the position table has ", table_tokens,
              " rows: not a class token and a square grid");
  std::vector<float> out(static_cast<size_t>((1 + grid_h * grid_w) * cols));
  std::copy_n(table, cols, out.begin());
  const std::vector<Taps> rows = taps_of(grid_h, side);
  const std::vector<Taps> columns = taps_of(grid_w, side);
  const float* grid = table + cols;
  for (int64_t y = 0; y < grid_h; ++y) {
    const Taps& ty = rows[static_cast<size_t>(y)];
    for (int64_t x = 0; x < grid_w; ++x) {
      const Taps& tx = columns[static_cast<size_t>(x)];
      float* dst = out.data() + (1 + y * grid_w + x) * cols;
      for (int64_t c = 0; c < cols; ++c) {
        float sum = 0;
        for (size_t i = 0; i < 4; ++i) {
          float row = 0;
          for (size_t j = 0; j < 4; ++j) row += grid[(ty.index[i] * side + tx.index[j]) * cols + c] * tx.weight[j];
          sum += row * ty.weight[i];
        }
        dst[c] = sum;
      }
    }
  }
  return out;
}

}  // namespace sclip
