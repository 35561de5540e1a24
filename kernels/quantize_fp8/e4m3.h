// E4M3, the 8-bit float of the Open Compute Project: sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinities,
// and NaN where all 7 bits are set. 448 is the largest, 2^-9 the smallest. Host and device have the same arithmetic.
#pragma once

#include <bit>
#include <cstdint>

#ifdef __CUDACC__
#define SCLIP_E4M3 __host__ __device__ inline
#else
#define SCLIP_E4M3 inline
#endif

namespace sclip {

constexpr float kLargestE4M3 = 448;
// Rows whose largest value is smaller are scaled as if it were this, so that 448 over it is a number.
constexpr float kLeastRowMaximum = 0x1p-100f;

SCLIP_E4M3 uint32_t bits_of_f32(float x) {
#ifdef __CUDA_ARCH__
  return __float_as_uint(x);
#else
  return std::bit_cast<uint32_t>(x);
#endif
}

// Rounds to nearest, ties to even; what is larger than 448, infinities too, becomes ±448; NaN stays NaN. No branch.
SCLIP_E4M3 uint32_t e4m3_bits(float x) {
  constexpr uint32_t kInfinity = 0x7f800000u, kLargest = 0x43e00000u;  // 448
  constexpr uint32_t kLeastNormal = 0x3c800000u;                       // 2^-6
  constexpr uint32_t kBias = 120u << 23;                               // f32's less E4M3's
  const uint32_t bits = bits_of_f32(x), magnitude = bits & 0x7fffffffu;
  const uint32_t held = magnitude < kLargest ? magnitude : kLargest;
  const uint32_t normal = (held + 0x7ffffu + ((held >> 20) & 1u) - kBias) >> 20;
  // 2^14 + |x| has units of 2^-9: the sum's rounding is the one to subnormals.
#ifdef __CUDA_ARCH__
  const uint32_t subnormal = __float_as_uint(__fadd_rn(__uint_as_float(held), 0x1p14f)) - 0x46800000u;
#else
  const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(held) + 0x1p14f) - 0x46800000u;
#endif
  const uint32_t finite = held < kLeastNormal ? subnormal : normal;
  return ((bits >> 24) & 0x80u) | (magnitude > kInfinity ? 0x7fu : finite);
}

// What a row with this largest magnitude is divided by: it makes 448 of it. A row of zeros keeps its zeros.
SCLIP_E4M3 float e4m3_scale(float largest) {
  if (largest == 0) return 1;
  return (largest < kLeastRowMaximum ? kLeastRowMaximum : largest) / kLargestE4M3;
}
// The factor that stands for that division.
SCLIP_E4M3 float e4m3_factor(float largest) {
  if (largest == 0) return 1;
  return kLargestE4M3 / (largest < kLeastRowMaximum ? kLeastRowMaximum : largest);
}

}  // namespace sclip

#undef SCLIP_E4M3
