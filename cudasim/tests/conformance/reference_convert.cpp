#include <cmath>

#include "reference.h"

namespace conformance {

namespace {

bool real(Type t) {
  return cudasim::is_float(t);
}
bool has_any(const Spelling& s, std::initializer_list<const char*> words) {
  for (const char* w : words)
    if (s.has(w)) return true;
  return false;
}
int rank(Type t) {
  return t == Type::kF64 ? 3 : t == Type::kF32 ? 2 : 1;
}

bool legal_convert(const Spelling& s) {
  const Type d = s.type(0), f = s.type(1);
  const bool direct = has_any(s, {"rn", "rz", "rm", "rp"}), integral = has_any(s, {"rni", "rzi", "rmi", "rpi"});
  const bool single = d == Type::kF32 || f == Type::kF32;
  if (s.has("ftz") && !single) return false;
  if (s.has("relu") && !((d == Type::kF16 || d == Type::kBF16) && f == Type::kF32 && (s.has("rn") || s.has("rz")) &&
                         !s.has("sat") && !s.has("ftz")))
    return false;
  if (d == Type::kBF16 || f == Type::kBF16) {  // .bf16 is no partner of every modifier
    if (s.has("sat") || s.has("ftz")) return false;
    if (d == f) return false;
    if (integral && !(f == Type::kBF16 && !real(d))) return false;
  }
  if (real(f) && !real(d)) return integral;
  if (!real(f) && real(d)) return direct;
  if (!real(f) && !real(d)) return !direct && !integral;
  if (rank(d) < rank(f)) return direct;
  if (d == f) return !direct;
  return !direct && !integral && rank(d) > rank(f);
}

}  // namespace

bool legal(const Spelling& s) {
  if (s.form->row->op == Op::kCvt && s.type(0) != Type::kTF32) return legal_convert(s);
  if (s.form->row->op == Op::kSet || s.form->row->op == Op::kSetp) {
    const Type t = s.types.back();
    const bool half = t == Type::kF16 || t == Type::kF16x2, brain = t == Type::kBF16 || t == Type::kBF16x2;
    if (s.has("ftz") && !(t == Type::kF32 || half)) return false;
    const bool bits = t == Type::kB16 || t == Type::kB32 || t == Type::kB64;
    if (bits && !has_any(s, {"eq", "ne"})) return false;
    if (has_any(s, {"lo", "ls", "hi", "hs"}) && cudasim::is_signed(t)) return false;
    if (s.form->row->op == Op::kSet) {
      const Type d = s.type(0);
      if (t == Type::kF16x2 || t == Type::kBF16x2) return d == t || d == Type::kU32 || d == Type::kS32;
      if (d == Type::kF16x2 || d == Type::kBF16x2) return false;
      if (d == Type::kF16) return half;
      if (d == Type::kBF16) return brain;
      if (d == Type::kU16 || d == Type::kS16) return half || brain;
    }
  }
  if (s.opcode == "slct" && s.has("ftz")) return s.types.back() == Type::kF32;
  if ((s.opcode == "min" || s.opcode == "max") && s.has("ftz"))
    return s.type(0) == Type::kF32 || s.type(0) == Type::kF16 || s.type(0) == Type::kF16x2;
  return true;
}

Expect reference_convert(const Spelling& s, uint64_t in) {
  const Type d = s.type(0), f = s.type(1);
  const unsigned ds = 8 * cudasim::type_size(d), fs = 8 * cudasim::type_size(f);
  if (fs < 64) in &= (1ull << fs) - 1;
  const Wide one = 1;
  const Wide lowest = cudasim::is_signed(d) ? -(one << (ds - 1)) : 0,
             highest = (one << (cudasim::is_signed(d) ? ds - 1 : ds)) - 1;
  const uint64_t mask = ds == 64 ? ~0ull : (1ull << ds) - 1;
  if (d == Type::kTF32) {
    const long double v = decode(Type::kF32, in);
    if (std::isnan(v)) return Expect{Expect::kNan};
    // Nearest to 11 bits, ties away from zero: the magnitude of the bits plus half a unit, cut.
    const uint64_t magnitude = in & 0x7FFFFFFF;
    return exactly((in & 0x80000000) | (std::isinf(v) ? magnitude : (magnitude + (1u << 12)) >> 13 << 13));
  }
  if (!real(f) && !real(d)) {
    Wide v = integer(f, in);
    if (s.has("sat")) v = v < lowest ? lowest : v > highest ? highest : v;
    return exactly(uint64_t(v) & mask);
  }
  if (!real(f)) {
    const Wide v = integer(f, in);
    const long double x =
        f == Type::kU64 ? static_cast<long double>(uint64_t(v)) : static_cast<long double>(int64_t(v));  // exact
    const uint64_t r = encode(d, x, rounding(s));
    if (!s.has("sat")) return exactly(r);
    return exactly(x <= 0 ? 0 : x > 1 ? encode(d, 1, Round::kNearest) : r);
  }
  in = f == Type::kF32 ? flushed(s, f, in) : in;
  long double x = decode(f, in);
  if (has_any(s, {"rni", "rzi", "rmi", "rpi"}) && std::isfinite(x)) {
    const long double sign = std::signbit(x) ? -1 : 1, whole = std::floor(x), rest = x - whole;
    switch (rounding(s)) {
      case Round::kZero: x = std::trunc(x); break;
      case Round::kDown: x = whole; break;
      case Round::kUp: x = rest > 0 ? whole + 1 : whole; break;
      case Round::kNearest: x = rest > 0.5L || (rest == 0.5L && std::fmod(whole, 2.0L) != 0) ? whole + 1 : whole; break;
    }
    x = std::copysign(x, sign);
  }
  if (!real(d)) {
    if (std::isnan(x)) return exactly(f != Type::kF64 && ds != 64 ? 0 : 1ull << (ds - 1));
    if (x <= static_cast<long double>(lowest)) return exactly(uint64_t(lowest) & mask);
    if (x >= static_cast<long double>(highest)) return exactly(uint64_t(highest) & mask);
    return exactly(uint64_t(static_cast<Wide>(x)) & mask);
  }
  if (std::isnan(x)) {
    if (s.has("sat")) return exactly(0);
    return (d == Type::kF16 || d == Type::kBF16) && d != f ? exactly(0x7FFF) : Expect{Expect::kNan};
  }
  uint64_t r = encode(d, x, rounding(s));
  if (d == Type::kF32) r = flushed(s, d, r);
  Expect e = exactly(r);
  if (s.has("sat")) e.bits = x <= 0 ? 0 : x > 1 ? encode(d, 1, Round::kNearest) : r;
  if (s.has("relu") && x <= 0) e.bits = 0;
  e.any_zero = x == 0 && (s.has("sat") || s.has("relu"));
  return e;
}

Expect reference_pack(const Spelling& s, uint64_t in) {
  const Type t = s.type(0) == Type::kF16x2 ? Type::kF16 : Type::kBF16;
  const long double x = decode(Type::kF32, in);
  if (std::isnan(x)) return exactly(0x7FFF);
  Expect e = exactly(s.has("relu") && x <= 0 ? 0 : encode(t, x, rounding(s)));
  // .relu "clamps the result to 0 if negative": whether that makes -0 a +0 the ISA leaves open.
  e.any_zero = x == 0 && s.has("relu");
  return e;
}

}  // namespace conformance
