// Products in E4M3 in double, and how far from them a device may be.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/quantize_fp8/quantize_fp8.h"
#include "tests/cuda_queue.h"

namespace sclip::testing {

inline cudaDeviceProp first_device() {
  cudaDeviceProp properties{};
  require_cuda(cudaGetDeviceProperties(&properties, 0));
  return properties;
}

inline bool has_fp8() {
  const cudaDeviceProp device = first_device();
  return device.major == 9 && device.minor == 0;
}

inline bool simulated() {
  return std::string(first_device().name).find("cudasim") != std::string::npos;
}

// A matrix as its rows' scales and values of E4M3, and what may be wrong with each: a quotient within the roundings of
// f32 of a tie (448 / max and the product with it, 2^-23 together) may have become the neighbour.
struct QuantizedRows {
  int64_t cols;
  std::vector<double> values, slack;

  QuantizedRows(const std::vector<float>& x, int64_t rows, int64_t columns)
      : cols(columns), values(x.size()), slack(x.size()) {
    for (int64_t r = 0; r < rows; ++r) {
      double largest = 0;
      for (int64_t c = 0; c < cols; ++c) largest = std::max(largest, std::abs(static_cast<double>(x[at(r, c)])));
      const double scale = largest == 0 ? 1 : largest / 448;
      for (int64_t c = 0; c < cols; ++c) {
        const double quotient = static_cast<double>(x[at(r, c)]) / scale;
        const double low = ref::e4m3_value(ref::e4m3_code(quotient * (1 - 0x1p-22)));
        const double high = ref::e4m3_value(ref::e4m3_code(quotient * (1 + 0x1p-22)));
        values[at(r, c)] = scale * ref::e4m3_value(ref::e4m3_code(quotient));
        slack[at(r, c)] = scale * std::abs(high - low);
      }
    }
  }
  size_t at(int64_t r, int64_t c) const { return static_cast<size_t>(r * cols + c); }
};

struct Fp8Sum {
  double value, allowed;
};

// Of Σ x·w in f32. Hopper's tensor cores shift 32 products and the sum so far to the largest of them and drop what is
// 13 bits below; cudasim sums in f32, in any order.
inline Fp8Sum fp8_sum(const QuantizedRows& x, int64_t row, const QuantizedRows& w, int64_t column, bool exact_sums) {
  constexpr int64_t kTogether = 32;
  Fp8Sum out{0, 0};
  double size = 0;
  for (int64_t first = 0; first < x.cols; first += kTogether) {
    double largest = std::abs(out.value);
    for (int64_t k = first; k < std::min(first + kTogether, x.cols); ++k) {
      const double a = x.values[x.at(row, k)], b = w.values[w.at(column, k)];
      out.value += a * b;
      size += std::abs(a * b);
      largest = std::max({largest, std::abs(a * b), std::abs(out.value)});
      out.allowed += std::abs(a) * w.slack[w.at(column, k)] + std::abs(b) * x.slack[x.at(row, k)];
    }
    if (!exact_sums) out.allowed += (kTogether + 1) * 0x1p-13 * largest;
  }
  // The scales, their product and the product with them round, too.
  out.allowed += (static_cast<double>(x.cols) + 5) * 0x1p-24 * size;
  return out;
}

}  // namespace sclip::testing
