#include "engine/dense_head/locality.h"

#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <limits>

#include "sclip/error.h"

namespace sclip {

std::string locality_name(float sigma) {
  return str("locality, sigma ", std::setprecision(9), sigma);  // nine digits tell any two floats apart
}

ConstantNeed locality_bias(const WindowShape& shape, float sigma) {
  return {locality_name(sigma), [shape, sigma] {
            const int64_t hw = shape.patches(), n = shape.tokens;
            std::vector<float> bias(static_cast<size_t>(n * n), 0.0f);
            for (int64_t i = 0; i < hw; ++i) {
              for (int64_t j = 0; j < hw; ++j) {
                const auto dy = static_cast<float>(i / shape.grid_w - j / shape.grid_w);
                const auto dx = static_cast<float>(i % shape.grid_w - j % shape.grid_w);
                bias[static_cast<size_t>((1 + i) * n + 1 + j)] = std::exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
              }
            }
            return bias;
          }};
}

std::string neighbourhood_name(int n) {
  return str("neighbourhood of ", n, " patches");
}

ConstantNeed neighbourhood_bias(const WindowShape& shape, int n) {
  return {neighbourhood_name(n), [shape, n] {
            const int64_t hw = shape.patches(), all = shape.tokens, w = shape.grid_w, reach = (n - 1) / 2;
            std::vector<float> bias(static_cast<size_t>(all * all), 0.0f);
            for (int64_t i = 0; i < hw; ++i) {
              float* row = bias.data() + (1 + i) * all;
              row[0] = -std::numeric_limits<float>::infinity();
              for (int64_t j = 0; j < hw; ++j) {
                const bool near = std::abs(i / w - j / w) <= reach && std::abs(i % w - j % w) <= reach;
                if (!near) row[1 + j] = -std::numeric_limits<float>::infinity();
              }
            }
            return bias;
          }};
}

}  // namespace sclip
