// Single-precision operations on one lane, shared by the f32 and the half instructions.
#pragma once
#include "sim/vector.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

template <bool kFtz>
INLINE float flush(float x) {
  if constexpr (kFtz) {
    const uint32_t b = float_bits(x);
    return bits_float((b & 0x7F800000) ? b : b & 0x80000000);
  }
  return x;
}
template <bool kFtz, bool kSat>
INLINE float finish(float x) {
  x = flush<kFtz>(x);
  if constexpr (kSat) {
    x = x > 0.0f ? x : 0.0f;  // NaN too
    x = x < 1.0f ? x : 1.0f;
  }
  return x;
}

INLINE float exp2_approx(float x) {
  float c = x < -151.0f ? -151.0f : x;
  c = c > 129.0f ? 129.0f : c;
  c = c == c ? c : 0.0f;
  const float n = __builtin_rintf(c);
  const float f = c - n;
  float p = 1.5252733804e-5f;
  p = p * f + 1.5403530393e-4f;
  p = p * f + 1.3333558146e-3f;
  p = p * f + 9.6181291076e-3f;
  p = p * f + 5.5504108665e-2f;
  p = p * f + 2.4022650696e-1f;
  p = p * f + 6.9314718056e-1f;
  p = p * f + 1.0f;
  const int k = int(n), h = k >> 1;
  const float r = p * bits_float(uint32_t(h + 127) << 23) * bits_float(uint32_t(k - h + 127) << 23);
  return x == x ? r : x;
}
INLINE float f_min(float a, float b) {
  const float r = a < b ? a : b < a ? b : bits_float(float_bits(a) | float_bits(b));
  const float one = a != a ? b : b != b ? a : r;
  return (a != a) & (b != b) ? bits_float(0x7FFFFFFF) : one;
}
INLINE float f_max(float a, float b) {
  const float r = a > b ? a : b > a ? b : bits_float(float_bits(a) & float_bits(b));
  const float one = a != a ? b : b != b ? a : r;
  return (a != a) & (b != b) ? bits_float(0x7FFFFFFF) : one;
}

struct FAdd {
  INLINE float operator()(float a, float b) const { return a + b; }
};
struct FSub {
  INLINE float operator()(float a, float b) const { return a - b; }
};
struct FMul {
  INLINE float operator()(float a, float b) const { return a * b; }
};
struct FDiv {
  INLINE float operator()(float a, float b) const { return a / b; }
};
// Beyond 2^126 the reciprocal of the divisor is flushed.
struct FDivApprox {
  INLINE float operator()(float a, float b) const {
    const float mag = bits_float(float_bits(b) & 0x7FFFFFFF);
    const float quotient = a / b, lost = a * bits_float(float_bits(b) & 0x80000000);
    return (mag > 0x1p126f) & (mag <= 3.402823466e38f) ? lost : quotient;
  }
};
struct FFma {
  INLINE float operator()(float a, float b, float c) const { return __builtin_fmaf(a, b, c); }
};
struct FRcp {
  INLINE float operator()(float a) const { return 1.0f / a; }
};
struct FSqrt {
  INLINE float operator()(float a) const { return __builtin_sqrtf(a); }
};
struct FRsqrt {
  INLINE float operator()(float a) const { return 1.0f / __builtin_sqrtf(a); }
};
struct FEx2 {
  INLINE float operator()(float a) const { return exp2_approx(a); }
};
struct FAbs {
  INLINE float operator()(float a) const { return bits_float(float_bits(a) & 0x7FFFFFFF); }
};
struct FNeg {
  INLINE float operator()(float a) const { return bits_float(float_bits(a) ^ 0x80000000); }
};
struct FMin {
  INLINE float operator()(float a, float b) const { return f_min(a, b); }
};
struct FMax {
  INLINE float operator()(float a, float b) const { return f_max(a, b); }
};

}  // namespace
}  // namespace CUDASIM_ISA
}  // namespace cudasim
