#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/adapt_words/adapt_words.h"

namespace sclip::ref {
namespace {

void make_unit(std::vector<double>& x) {
  const double norm = std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
  for (double& value : x) value /= std::max(norm, 1e-12);
}

}  // namespace

void adapt_words(const AdaptWordsParams& p) {
  const auto e = static_cast<size_t>(p.embed_dim);
  for (int64_t b = 0; b < p.batch; ++b) {
    const float* features = p.features + b * p.patches * p.embed_dim;
    const float* fit = p.fit + b * p.fit_stride;
    float* cosines = p.cosines + b * p.patches * p.queries;
    std::vector<double> out(cosines, cosines + p.patches * p.queries);
    for (int64_t c = 0; p.alpha > 0 && c < p.clusters; ++c) {
      const int64_t k = *std::max_element(p.members + p.begins[c], p.members + p.begins[c + 1],
                                          [&](int32_t i, int32_t j) { return fit[i] < fit[j]; });
      std::vector<int64_t> order(static_cast<size_t>(p.patches));
      std::iota(order.begin(), order.end(), int64_t{0});
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t i, int64_t j) { return cosines[i * p.queries + k] > cosines[j * p.queries + k]; });
      std::vector<double> m(e, 0.0), t(e);
      for (size_t n = 0; n < std::min<size_t>(2, order.size()); ++n) {
        for (size_t i = 0; i < e; ++i) m[i] += features[static_cast<size_t>(order[n]) * e + i];
      }
      make_unit(m);
      for (size_t i = 0; i < e; ++i) {
        t[i] = (1.0 - p.alpha) * p.words[static_cast<size_t>(k) * e + i] + static_cast<double>(p.alpha) * m[i];
      }
      make_unit(t);
      for (int64_t n = 0; n < p.patches; ++n) {
        out[static_cast<size_t>(n * p.queries + k)] =
            std::inner_product(t.begin(), t.end(), features + n * p.embed_dim, 0.0);
      }
    }
    for (int64_t n = 0; n < p.patches; ++n) {
      for (int64_t k = 0; k < p.queries; ++k) {
        cosines[n * p.queries + k] = static_cast<float>((1.0 - p.weight) * out[static_cast<size_t>(n * p.queries + k)] +
                                                        static_cast<double>(p.weight) * fit[k]);
      }
    }
  }
}

}  // namespace sclip::ref
