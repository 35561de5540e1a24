#include "kernels/choose_heads/choose_heads.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace sclip::ref {

void choose_heads(const ChooseHeadsParams& p) {
  const int64_t n = p.tokens;
  const float* const summed = p.summed != nullptr ? p.summed : p.maps;
  for (int64_t b = 0; b < p.batch; ++b) {
    std::vector<double> entropy(static_cast<size_t>(p.heads), 0.0);
    for (int64_t h = 0; h < p.heads; ++h) {
      for (int64_t i = 0; i < n; ++i) {
        double row = 0;
        for (int64_t j = 0; j < n; ++j) {
          const double a = p.maps[((b * p.heads + h) * n + i) * n + j];
          row -= a * std::log2(a + 1e-6);
        }
        p.row_entropies[(b * p.heads + h) * n + i] = static_cast<float>(row);
        entropy[static_cast<size_t>(h)] += row;
      }
    }
    std::vector<double> sorted = entropy;
    std::sort(sorted.begin(), sorted.end());
    for (int64_t h = 0; h < p.heads; ++h) {
      p.chosen[b * p.heads + h] = entropy[static_cast<size_t>(h)] <= sorted[static_cast<size_t>(p.count - 1)] ? 1 : 0;
    }
    for (int64_t i = 0; i < n * n; ++i) {
      double sum = 0;
      for (int64_t h = 0; h < p.heads; ++h) {
        if (p.chosen[b * p.heads + h] != 0) sum += static_cast<double>(summed[(b * p.heads + h) * n * n + i]);
      }
      static_cast<float*>(p.out)[b * n * n + i] = static_cast<float>(static_cast<double>(p.weight) * sum);
    }
  }
}

}  // namespace sclip::ref
