#include <algorithm>
#include <vector>

#include "kernels/soften_sinks/soften_sinks.h"

namespace sclip::ref {

void soften_sinks(const SoftenSinksParams& p) {
  const int64_t patches = p.grid_h * p.grid_w;
  for (int64_t b = 0; b < p.batch; ++b) {
    float* x = p.x + b * p.x_stride;
    const std::vector<float> before(x, x + patches * p.cols);
    const auto at = [&](int64_t row, int64_t column, int64_t c) -> double {
      if (row < 0 || row >= p.grid_h || column < 0 || column >= p.grid_w) return 0;
      return before[static_cast<size_t>((row * p.grid_w + column) * p.cols + c)];
    };
    for (int64_t i = 0; i < patches; ++i) {
      const int64_t row = i / p.grid_w, column = i % p.grid_w;
      double least = at(row, column, 0), sum = 0, most = 0;
      for (int64_t c = 1; c < p.cols; ++c) least = std::min(least, at(row, column, c));
      for (int64_t c = 0; c < p.cols; ++c) sum += at(row, column, c) - least;
      for (int64_t n = 0; n < p.channel_count; ++n) {
        most = std::max(most, at(row, column, p.channels[static_cast<size_t>(n)]) - least);
      }
      const bool sink = most / std::max(sum, 1e-8) > static_cast<double>(p.share) / static_cast<double>(p.cols);
      p.sinks[b * patches + i] = sink ? 1 : 0;
      if (!sink) continue;
      for (int64_t c = 0; c < p.cols; ++c) {
        double around = 0;
        for (int64_t dy = -1; dy <= 1; ++dy) {
          for (int64_t dx = -1; dx <= 1; ++dx) around += at(row + dy, column + dx, c);
        }
        const auto soft = static_cast<float>(0.6 * at(row, column, c) + 0.4 * around / 9);
        p.softened[(b * patches + i) * p.cols + c] = soft;
        x[i * p.cols + c] = soft;
      }
    }
  }
}

}  // namespace sclip::ref
