// Half-precision conversions as branch-free bit arithmetic that the compiler vectorises. Correctly rounded.
#pragma once
#include <cstdint>

namespace cudasim {
namespace {  // internal linkage: this header is compiled for several instruction sets

inline uint32_t float_bits(float f) {
  return __builtin_bit_cast(uint32_t, f);
}
inline float bits_float(uint32_t b) {
  return __builtin_bit_cast(float, b);
}

struct F16 {
  static inline float to_float(uint16_t h) {
    const uint32_t em = uint32_t(h & 0x7FFF) << 13;
    const float scaled = bits_float(em) * 0x1p112f;
    const uint32_t special = em | 0x7F800000;
    const uint32_t r = (h & 0x7C00) == 0x7C00 ? special : float_bits(scaled);
    return bits_float(r | uint32_t(h & 0x8000) << 16);
  }
  static inline uint16_t from_float(float f) {
    uint32_t x = float_bits(f);
    const uint32_t sign = x & 0x80000000;
    x ^= sign;
    const uint32_t small = float_bits(bits_float(x) + 0.5f) - 0x3F000000;
    const uint32_t normal = (x + 0xC8000FFF + (x >> 13 & 1)) >> 13;
    uint32_t r = x < 0x38800000 ? small : normal;
    r = x >= 0x477FF000 ? 0x7C00 : r;
    r = x > 0x7F800000 ? 0x7FFF : r;
    r |= x > 0x7F800000 ? 0 : sign >> 16;
    return uint16_t(r);
  }
  static constexpr uint16_t kInf = 0x7C00;
};

struct BF16 {
  static inline float to_float(uint16_t h) { return bits_float(uint32_t(h) << 16); }
  static inline uint16_t from_float(float f) {
    const uint32_t x = float_bits(f);
    const uint32_t r = (x + 0x7FFF + (x >> 16 & 1)) >> 16;
    return uint16_t((x & 0x7FFFFFFF) > 0x7F800000 ? 0x7FFF : r);
  }
  static constexpr uint16_t kInf = 0x7F80;
};

// Rounding to odd keeps a later rounding to a narrower format correct.
inline float round_odd(double d) {
  const float f = static_cast<float>(d);
  const uint32_t b = float_bits(f);
  const double back = f;
  const bool exact = back == d || d != d;
  const double mag_f = back < 0 ? -back : back, mag_d = d < 0 ? -d : d;
  const uint32_t toward_zero = b - (mag_f > mag_d ? 1u : 0u);
  return bits_float(exact ? b : toward_zero | 1u);
}

// a * b + c, exact up to a rounding to odd; a, b, c have at most 11 significant bits.
inline float fma_odd(float a, float b, float c) {
  const double p = double(a) * double(b), q = c;
  const double s = p + q;
  const double bb = s - p;
  const double err = (p - (s - bb)) + (q - bb);
  const uint64_t sb = __builtin_bit_cast(uint64_t, s);
  const bool finite = (sb & 0x7FF0000000000000) != 0x7FF0000000000000;
  const bool down = (err < 0) != (s < 0);  // the exact sum is nearer to zero than s
  const uint64_t odd = (sb & 1) ? sb : (down ? sb - 1 : sb | 1);
  const uint64_t r = (finite && err != 0 && s != 0) ? odd : sb;
  return round_odd(__builtin_bit_cast(double, r));
}

}  // namespace
}  // namespace cudasim
