#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/feature_surgery/feature_surgery.h"

namespace sclip::ref {

void feature_surgery(const FeatureSurgeryParams& p) {
  const auto words = static_cast<size_t>(p.words);
  for (int64_t b = 0; b < p.batch; ++b) {
    const float* c = p.window_scores + b * p.words;
    const double largest = *std::max_element(c, c + p.words);
    std::vector<double> weight(words);
    double total = 0;
    for (size_t t = 0; t < words; ++t) total += weight[t] = std::exp(double{p.sharpness} * (double{c[t]} - largest));
    for (double& w : weight) w *= static_cast<double>(p.words) / total;
    for (int64_t r = 0; r < p.rows; ++r) {
      float* x = p.scores + (b * p.rows + r) * p.words;
      double mean = 0;
      for (size_t t = 0; t < words; ++t) mean += weight[t] * double{x[t]} / static_cast<double>(p.words);
      for (size_t t = 0; t < words; ++t) x[t] = static_cast<float>(weight[t] * double{x[t]} - mean);
    }
  }
}

}  // namespace sclip::ref
