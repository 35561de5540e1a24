#include <cmath>

#include "reference.h"

namespace conformance {

Round rounding(const Spelling& s) {
  if (s.has("rz") || s.has("rzi")) return Round::kZero;
  if (s.has("rm") || s.has("rmi")) return Round::kDown;
  if (s.has("rp") || s.has("rpi")) return Round::kUp;
  return Round::kNearest;
}

uint64_t flushed(const Spelling& s, Type t, uint64_t bits) {
  return s.has("ftz") && t != Type::kF64 && is_subnormal(t, bits) ? bits & sign_bit(t) : bits;
}

bool matches(Type t, const Expect& e, uint64_t bits) {
  switch (e.kind) {
    case Expect::kSkip: return true;
    case Expect::kNan: return is_nan(t, bits);
    case Expect::kBits: return bits == e.bits || (e.any_zero && ((bits | e.bits) & ~sign_bit(t)) == 0);
    case Expect::kNear: break;
  }
  const long double v = decode(t, bits);
  if (std::isnan(e.value)) return std::isnan(v);
  if (std::isinf(e.value) || std::isinf(v)) return v == e.value;
  return std::fabs(v - e.value) <= std::fmax(e.absolute, e.relative * std::fabs(e.value));
}

namespace {

// One unit in the last place of a subnormal: the floor of every error bound.
long double smallest(Type t) {
  return decode(t, 1);
}

Expect finish(const Spelling& s, Type t, uint64_t bits) {
  bits = flushed(s, t, bits);
  if (is_nan(t, bits))
    return s.has("sat") ? exactly(0) : s.has("relu") ? exactly(sign_bit(t) - 1) : Expect{Expect::kNan};
  const long double v = decode(t, bits);
  Expect e = exactly(bits);
  if (s.has("sat")) {
    if (v <= 0) e.bits = 0;
    if (v > 1) e.bits = encode(t, 1, Round::kNearest);
    e.any_zero = v == 0;
  }
  if (s.has("relu")) {
    if (v <= 0) e.bits = 0;
    e.any_zero = v == 0;
  }
  return e;
}

Expect smaller_or_larger(const Spelling& s, Type t, uint64_t a, uint64_t b) {
  const bool want_min = s.opcode == "min";
  const uint64_t signs = (a ^ b) & sign_bit(t);
  if (s.has("abs")) {
    a &= ~sign_bit(t);
    b &= ~sign_bit(t);
  }
  const bool na = is_nan(t, a), nb = is_nan(t, b);
  if ((na && nb) || (s.has("NaN") && (na || nb)))
    return t == Type::kF64 ? Expect{Expect::kNan} : exactly(sign_bit(t) - 1);
  uint64_t r;
  const long double x = decode(t, a), y = decode(t, b);
  if (na)
    r = b;
  else if (nb)
    r = a;
  else if (x == 0 && y == 0)
    r = ((a & sign_bit(t)) != 0) == want_min ? a : b;  // -0 < +0
  else
    r = (x < y) == want_min ? a : b;
  if (s.has("xorsign")) r = (r & ~sign_bit(t)) | signs;
  return exactly(r);
}

Expect approximate(const Spelling& s, Type t, uint64_t a, uint64_t b) {
  const long double x = decode(t, a), y = decode(t, b), tiny = smallest(t);
  const bool ftz = s.has("ftz");
  // Results near the subnormals may be flushed with .ftz.
  auto bound = [&](long double v, long double absolute, long double relative) {
    const long double normal = decode(t, t == Type::kF64    ? 0x0010000000000000
                                         : t == Type::kF16  ? 0x0400
                                         : t == Type::kBF16 ? 0x0080
                                                            : 0x00800000);
    if (ftz && std::fabs(v) < normal && std::fabs(v) >= normal * (1 - relative))
      return open();  // may round up to a normal number
    if (ftz && std::fabs(v) < normal) {
      Expect e = exactly(std::signbit(v) ? sign_bit(t) : 0);
      e.any_zero = true;
      return e;
    }
    if (std::fabs(v) > decode(t, largest_finite(t))) return exactly(encode(t, v, Round::kNearest));
    return near(v, std::fmax(absolute, 2 * tiny), relative);
  };
  const long double ulp = std::scalbnl(1, -23);
  switch (s.form->row->op) {
    case Op::kDiv:
      if (s.has("approx") && std::isfinite(y) && std::fabs(y) > std::scalbnl(1, 126)) {
        if (std::isnan(x) || std::isinf(x)) return Expect{Expect::kNan};
        return exactly((a ^ b) & sign_bit(t));
      }
      return bound(x / y, 0, 2 * ulp);
    case Op::kRcp: return bound(1 / (ftz && is_subnormal(t, a) ? std::copysign(0.0L, x) : x), 0, ulp);
    case Op::kSqrt: return bound(std::sqrt(x), 0, ulp);
    case Op::kRsqrt: return bound(1 / std::sqrt(x), 0, std::exp2(-22.9L));
    case Op::kSin:
    case Op::kCos: {
      if (std::isnan(x) || std::isinf(x)) return Expect{Expect::kNan};
      const long double pi = std::acos(-1.0L), m = std::fabs(x);
      if (m > 100 * pi) return near(0, 1, 0);
      const long double v = s.opcode == "sin" ? std::sin(x) : std::cos(x);
      return near(v, m <= 2 * pi ? std::exp2(-20.5L) : std::exp2(-14.7L), 0);
    }
    case Op::kLg2: return bound(std::log2(x), x > 0.5L && x < 2 ? std::exp2(-22.0L) : 0, std::exp2(-22.0L));
    case Op::kEx2: {
      const long double relative = t == Type::kF32 ? 2 * ulp : t == Type::kF16 ? std::exp2(-9.9L) : std::exp2(-7.0L);
      return bound(std::exp2(x), 0, relative);
    }
    default:
      if (t == Type::kF32) return bound(std::tanh(x), 0, std::exp2(-11.0L));
      return near(std::tanh(x), t == Type::kF16 ? std::exp2(-10.987L) : std::exp2(-8.0L), 0);
  }
}

}  // namespace

Expect reference_float(const Spelling& s, Type t, const Lane& l) {
  const uint64_t a = flushed(s, t, l.in[0]), b = flushed(s, t, l.in[1]), c = flushed(s, t, l.in[2]);
  const Round mode = rounding(s);
  switch (s.form->row->op) {
    case Op::kAdd: return finish(s, t, arithmetic(t, '+', a, b, 0, mode));
    case Op::kSub: return finish(s, t, arithmetic(t, '-', a, b, 0, mode));
    case Op::kMul: return finish(s, t, arithmetic(t, '*', a, b, 0, mode));
    case Op::kFma: return finish(s, t, arithmetic(t, 'f', a, b, c, mode));
    case Op::kDiv:
      if (s.has("approx") || s.has("full")) return approximate(s, t, a, b);
      return finish(s, t, arithmetic(t, '/', a, b, 0, mode));
    case Op::kRcp:
      if (s.has("approx")) return approximate(s, t, a, b);
      return finish(s, t, arithmetic(t, '/', encode(t, 1, mode), a, 0, mode));
    case Op::kSqrt:
      if (s.has("approx")) return approximate(s, t, a, b);
      return finish(s, t, arithmetic(t, 's', a, 0, 0, mode));
    case Op::kAbs: return finish(s, t, a & ~sign_bit(t));
    case Op::kNeg: return finish(s, t, a ^ sign_bit(t));
    case Op::kMin:
    case Op::kMax: return smaller_or_larger(s, t, a, b);
    case Op::kCopysign: return exactly((a & sign_bit(t)) | (b & ~sign_bit(t)));
    default: return approximate(s, t, a, b);
  }
}

bool reference_testp(const Spelling& s, uint64_t a) {
  const Type t = s.type(0);
  const long double v = decode(t, a);
  if (s.has("finite")) return !std::isnan(v) && !std::isinf(v);
  if (s.has("infinite")) return std::isinf(v);
  if (s.has("number")) return !std::isnan(v);
  if (s.has("notanumber")) return std::isnan(v);
  if (s.has("normal")) return !std::isnan(v) && !std::isinf(v) && !is_subnormal(t, a);  // zeros count as normal
  return is_subnormal(t, a);
}

bool reference_ordering(const Spelling& s, Type t, uint64_t a, uint64_t b) {
  bool less, equal, unordered = false;
  if (cudasim::is_float(t)) {
    const long double x = decode(t, flushed(s, t, a)), y = decode(t, flushed(s, t, b));
    unordered = std::isnan(x) || std::isnan(y);
    less = !unordered && x < y;
    equal = !unordered && x == y;
  } else {
    less = integer(t, a) < integer(t, b);
    equal = a == b;
  }
  const bool greater = !less && !equal && !unordered;
  const std::string& op = s.words[0];
  if (op == "eq") return equal;
  if (op == "ne") return less || greater;
  if (op == "lt" || op == "lo") return less;
  if (op == "le" || op == "ls") return less || equal;
  if (op == "gt" || op == "hi") return greater;
  if (op == "ge" || op == "hs") return greater || equal;
  if (op == "equ") return equal || unordered;
  if (op == "neu") return !equal;
  if (op == "ltu") return less || unordered;
  if (op == "leu") return less || equal || unordered;
  if (op == "gtu") return greater || unordered;
  if (op == "geu") return greater || equal || unordered;
  return op == "num" ? !unordered : unordered;
}

bool reference_compare(const Spelling& s, Type t, uint64_t a, uint64_t b, bool q) {
  const bool r = reference_ordering(s, t, a, b);
  return s.has("and") ? r && q : s.has("or") ? r || q : s.has("xor") ? r != q : r;
}

}  // namespace conformance
