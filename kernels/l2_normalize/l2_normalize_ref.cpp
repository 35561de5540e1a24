#include <cmath>

#include "kernels/l2_normalize/l2_normalize.h"

namespace sclip::ref {

void l2_normalize(const L2NormalizeParams& p) {
  const auto load = [&](int64_t i) -> double {
    return p.x_dtype == DType::kF32 ? static_cast<const float*>(p.x)[i]
                                    : to_float(static_cast<const BFloat16*>(p.x)[i]);
  };
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t r = 0; r < p.rows; ++r) {
      const int64_t x = b * p.x_stride + r * p.cols;
      const int64_t y = b * p.y_stride + r * p.cols;
      double sum = 0;
      for (int64_t c = 0; c < p.cols; ++c) sum += load(x + c) * load(x + c);
      const double norm = sum == 0 ? 1 : std::sqrt(sum);
      for (int64_t c = 0; c < p.cols; ++c) {
        const auto unit = static_cast<float>(load(x + c) / norm);
        if (p.y_dtype == DType::kF32) {
          static_cast<float*>(p.y)[y + c] = unit;
        } else {
          static_cast<BFloat16*>(p.y)[y + c] = to_bfloat16(unit);
        }
      }
    }
  }
}

}  // namespace sclip::ref
