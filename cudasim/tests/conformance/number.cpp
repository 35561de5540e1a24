#include "number.h"

#include <cfenv>
#include <cmath>
#include <cstring>

namespace conformance {

namespace {

struct Format {
  int size, precision, emin, emax;
};
Format format_of(Type t) {
  switch (t) {
    case Type::kF16: return {16, 11, -14, 15};
    case Type::kBF16: return {16, 8, -126, 127};
    case Type::kF32: return {32, 24, -126, 127};
    default: return {64, 53, -1022, 1023};
  }
}

}  // namespace

uint64_t sign_bit(Type t) {
  return 1ull << (format_of(t).size - 1);
}
uint64_t largest_finite(Type t) {
  const Format f = format_of(t);
  return (uint64_t(f.emax - f.emin + 1) << (f.precision - 1)) | ((1ull << (f.precision - 1)) - 1);
}

long double decode(Type t, uint64_t bits) {
  const Format f = format_of(t);
  const uint64_t fraction = bits & ((1ull << (f.precision - 1)) - 1), magnitude = bits & (sign_bit(t) - 1);
  const int field = int(magnitude >> (f.precision - 1)), top = f.emax - f.emin + 2;
  long double v;
  if (field == top)
    v = fraction ? std::nanl("") : HUGE_VALL;
  else if (field == 0)
    v = std::scalbnl(static_cast<long double>(fraction), f.emin - (f.precision - 1));
  else
    v = std::scalbnl(static_cast<long double>(fraction | 1ull << (f.precision - 1)),
                     field - 1 + f.emin - (f.precision - 1));
  return bits & sign_bit(t) ? -v : v;
}

bool is_nan(Type t, uint64_t bits) {
  return std::isnan(decode(t, bits));
}
bool is_subnormal(Type t, uint64_t bits) {
  const Format f = format_of(t);
  const uint64_t magnitude = bits & (sign_bit(t) - 1);
  return magnitude != 0 && magnitude >> (f.precision - 1) == 0;
}

uint64_t encode(Type t, long double x, Round mode) {
  const Format f = format_of(t);
  const uint64_t sign = std::signbit(x) ? sign_bit(t) : 0;
  const uint64_t infinity = uint64_t(f.emax - f.emin + 2) << (f.precision - 1);
  if (std::isnan(x)) return sign_bit(t) - 1;
  if (x == 0) return sign;
  if (std::isinf(x)) return sign | infinity;
  const long double m = std::fabs(x);
  int q = std::max(std::ilogb(m), f.emin) - (f.precision - 1);
  const long double scaled = std::scalbnl(m, -q), whole = std::floor(scaled), rest = scaled - whole;
  uint64_t n = uint64_t(whole);
  bool up = false;
  switch (mode) {
    case Round::kNearest: up = rest > 0.5L || (rest == 0.5L && (n & 1)); break;
    case Round::kZero: break;
    case Round::kDown: up = sign && rest > 0; break;
    case Round::kUp: up = !sign && rest > 0; break;
  }
  n += up;
  if (n >> f.precision) {
    n >>= 1;
    ++q;
  }
  if (n == 0) return sign;
  const int e = q + f.precision - 1;
  if (e > f.emax) {
    const bool to_infinity = mode == Round::kNearest || (mode == Round::kUp && !sign) || (mode == Round::kDown && sign);
    return sign | (to_infinity ? infinity : largest_finite(t));
  }
  if (!(n >> (f.precision - 1))) return sign | n;
  return sign | (uint64_t(e - f.emin + 1) << (f.precision - 1)) | (n & ((1ull << (f.precision - 1)) - 1));
}

long double odd(char op, long double a, long double b, Round mode) {
  volatile long double x = a, y = b, r = 0;
  std::fesetround(FE_TOWARDZERO);
  std::feclearexcept(FE_ALL_EXCEPT);
  switch (op) {
    case '+': r = x + y; break;
    case '-': r = x - y; break;
    case '*': r = x * y; break;
    case '/': r = x / y; break;
    default: r = std::sqrt(static_cast<long double>(x)); break;
  }
  const bool inexact = std::fetestexcept(FE_INEXACT);
  std::fesetround(FE_TONEAREST);
  long double out = r;
  if (inexact) {
    uint64_t mantissa;
    std::memcpy(&mantissa, &out, 8);
    mantissa |= 1;
    std::memcpy(&out, &mantissa, 8);
  }
  if ((op == '+' || op == '-') && out == 0 && mode == Round::kDown) {
    const bool positive = !std::signbit(a) && std::signbit(b) == (op == '-');
    if (!(a == 0 && b == 0 && positive)) out = -0.0L;
  }
  return out;
}

uint64_t arithmetic(Type t, char op, uint64_t a, uint64_t b, uint64_t c, Round mode) {
  const long double x = decode(t, a), y = decode(t, b), z = decode(t, c);
  if (op != 'f') return encode(t, odd(op, x, y, mode), mode);
  if (t != Type::kF64) return encode(t, odd('+', x * y, z, mode), mode);  // the product fits a long double
  // The library's fma is correctly rounded in every mode.
  const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  volatile double dx = double(x), dy = double(y), dz = double(z);
  std::fesetround(modes[int(mode)]);
  const volatile double r = std::fma(double(dx), double(dy), double(dz));
  std::fesetround(FE_TONEAREST);
  uint64_t bits;
  const double v = r;
  std::memcpy(&bits, &v, 8);
  return std::isnan(v) ? sign_bit(t) - 1 : bits;
}

}  // namespace conformance
