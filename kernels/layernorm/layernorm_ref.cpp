#include <cmath>

#include "kernels/layernorm/layernorm.h"

namespace sclip::ref {

void layernorm(const LayerNormParams& p) {
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t r = 0; r < p.rows; ++r) {
      const float* x = p.x + b * p.x_stride + r * p.cols;
      float* y = static_cast<float*>(p.y) + b * p.y_stride + r * p.cols;
      double mean = 0;
      for (int64_t c = 0; c < p.cols; ++c) mean += x[c];
      mean /= static_cast<double>(p.cols);
      double variance = 0;
      for (int64_t c = 0; c < p.cols; ++c) variance += (x[c] - mean) * (x[c] - mean);
      variance /= static_cast<double>(p.cols);
      const double inverse = 1.0 / std::sqrt(variance + static_cast<double>(p.eps));
      for (int64_t c = 0; c < p.cols; ++c) {
        y[c] = static_cast<float>((x[c] - mean) * inverse * p.gamma[c] + p.beta[c]);
      }
    }
  }
}

}  // namespace sclip::ref
