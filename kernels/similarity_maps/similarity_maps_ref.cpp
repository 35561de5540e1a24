#include "kernels/similarity_maps/similarity_maps.h"

#include <cmath>
#include <limits>
#include <vector>

namespace sclip::ref {

void similarity_maps(const SimilarityMapsParams& p) {
  const int64_t n = p.patches;
  const auto size = static_cast<size_t>(n * n);
  for (int64_t b = 0; b < p.batch; ++b) {
    const float* const x = p.x + b * n * n;
    const std::vector<double> s(x, x + size);
    std::vector<double> kept(size);
    for (size_t i = 0; i < size; ++i) kept[i] = x[i] >= p.threshold ? s[i] : 0;
    for (int64_t i = 0; p.rows != nullptr && i < n; ++i) {
      double sum = 1e-6;
      for (int64_t j = 0; j < n; ++j) sum += kept[static_cast<size_t>(i * n + j)];
      for (int64_t j = 0; j < n; ++j) {
        p.rows[b * n * n + i * n + j] = static_cast<float>(kept[static_cast<size_t>(i * n + j)] / sum);
      }
    }
    if (p.attention == nullptr) continue;
    const std::vector<double>& source = p.of_kept ? kept : s;
    double mean = 0;
    for (double value : source) mean += value / static_cast<double>(size);
    for (int64_t i = 0; i < n; ++i) {
      std::vector<double> m(static_cast<size_t>(n));
      double largest = -std::numeric_limits<double>::infinity(), total = 0, row_sum = 0;
      for (int64_t j = 0; j < n; ++j) {
        double centred = source[static_cast<size_t>(i * n + j)] - mean;
        row_sum += source[static_cast<size_t>(i * n + j)];
        if (std::abs(centred) < 1e-6) centred = 0;
        m[static_cast<size_t>(j)] =
            centred < 0 ? -std::numeric_limits<double>::infinity() : static_cast<double>(p.scale) * centred;
        largest = std::max(largest, m[static_cast<size_t>(j)]);
      }
      if (std::isinf(largest)) m[static_cast<size_t>(i)] = largest = 0;
      for (double value : m) total += std::exp(value - largest);
      for (int64_t j = 0; j < n; ++j) {
        p.attention[b * n * n + i * n + j] = static_cast<float>(std::exp(m[static_cast<size_t>(j)] - largest) / total);
      }
      p.sums[b * n + i] = static_cast<float>(row_sum);
    }
  }
}

}  // namespace sclip::ref
