#include <cmath>

#include "kernels/mean_norm/mean_norm.h"

namespace sclip::ref {

void mean_norm(const MeanNormParams& p) {
  const auto* x = static_cast<const float*>(p.x);
  for (int64_t b = 0; b < p.batch; ++b) {
    double mean = 0;
    for (int64_t r = 0; r < p.rows; ++r) {
      double squares = 0;
      for (int64_t c = 0; c < p.cols; ++c) {
        const double value = x[b * p.x_stride + r * p.cols + c];
        squares += value * value;
      }
      mean += std::sqrt(squares) / static_cast<double>(p.rows);
    }
    p.out[b] = static_cast<float>(mean);
  }
}

}  // namespace sclip::ref
