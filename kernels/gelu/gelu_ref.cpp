#include <cmath>

#include "kernels/gelu/gelu.h"

namespace sclip::ref {

void gelu(const GeluParams& p) {
  const auto* x = static_cast<const float*>(p.x);
  auto* y = static_cast<float*>(p.y);
  for (int64_t i = 0; i < p.rows * p.cols; ++i) {
    const double z = static_cast<double>(x[i]) + (p.bias != nullptr ? static_cast<double>(p.bias[i % p.cols]) : 0.0);
    y[i] = static_cast<float>(p.form == GeluForm::kQuick ? z / (1 + std::exp(-1.702 * z))
                                                         : z * 0.5 * std::erfc(-z * std::sqrt(0.5)));
  }
}

}  // namespace sclip::ref
