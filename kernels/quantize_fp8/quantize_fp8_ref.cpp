// Written from the format's table (OCP 8-bit Floating Point Specification, E4M3): exponent field 0 has m / 8 · 2^-6,
// the others (1 + m / 8) · 2^(e − 7); field 15 with m = 7 is NaN.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/quantize_fp8/quantize_fp8.h"

namespace sclip::ref {

double e4m3_value(uint8_t code) {
  const int exponent = (code >> 3) & 15, mantissa = code & 7;
  const double sign = code >= 128 ? -1 : 1;
  if (exponent == 15 && mantissa == 7) return std::nan("");
  if (exponent == 0) return sign * mantissa / 8.0 * std::pow(2.0, -6);
  return sign * (1 + mantissa / 8.0) * std::pow(2.0, exponent - 7);
}

uint8_t e4m3_code(double value) {
  const uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value)) return sign | 0x7f;
  constexpr size_t kFinite = 0x7f;
  static const auto values = [] {  // ascending with their codes
    std::array<double, kFinite> out{};
    for (size_t code = 0; code < kFinite; ++code) out[code] = e4m3_value(static_cast<uint8_t>(code));
    return out;
  }();
  const double magnitude = std::abs(value);
  const auto above = static_cast<size_t>(std::lower_bound(values.begin(), values.end(), magnitude) - values.begin());
  if (above == kFinite) return sign | 0x7e;  // saturates
  if (above == 0) return sign;
  const double up = values[above] - magnitude, down = magnitude - values[above - 1];
  const size_t nearest = up < down || (up == down && above % 2 == 0) ? above : above - 1;
  return static_cast<uint8_t>(sign | nearest);
}

void quantize_fp8(const QuantizeFp8Params& p) {
  const auto* x = static_cast<const BFloat16*>(p.x);
  auto* codes = static_cast<uint8_t*>(p.codes);
  for (int64_t r = 0; r < p.rows; ++r) {
    double largest = 0;
    for (int64_t c = 0; c < p.cols; ++c) {
      const auto value = static_cast<double>(to_float(x[r * p.cols + c]));
      if (std::abs(value) > largest) largest = std::abs(value);
    }
    const double scale = largest == 0 ? 1 : largest / 448;
    p.scales[r] = static_cast<float>(scale);
    for (int64_t c = 0; c < p.cols; ++c) {
      codes[r * p.cols + c] = e4m3_code(static_cast<double>(to_float(x[r * p.cols + c])) / scale);
    }
  }
}

}  // namespace sclip::ref
