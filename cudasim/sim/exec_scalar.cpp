// Instructions with one implementation for all instruction sets: rare ones lane by lane, and those that work on the
// state of the warp (control flow, votes, shuffles, atomics, barriers).
#include <cfenv>
#include <cmath>
#include <cstring>

#include "sim/control.h"
#include "sim/half.h"
#include "sim/warp.h"

namespace cudasim {

namespace {

__extension__ typedef __int128 Wide128;
__extension__ typedef unsigned __int128 UnsignedWide128;

template <class T>
T* reg(Warp& w, uint32_t slot) {
  return reinterpret_cast<T*>(w.regs + slot);
}
uint32_t& pred(Warp& w, uint32_t slot) {
  return *reinterpret_cast<uint32_t*>(w.regs + slot);
}
void set_pred(Warp& w, uint32_t slot, uint32_t value) {
  uint32_t& d = pred(w, slot);
  d = (d & ~w.exec) | (value & w.exec);
}
uint32_t pred_source(Warp& w, const Instr& in, uint32_t slot) {
  return pred(w, slot) ^ (in.neg_pred ? ~0u : 0u);
}

template <class F>
void for_lanes(uint32_t m, F f) {
  for (; m; m &= m - 1) f(uint32_t(__builtin_ctz(m)));
}

uint64_t read_lane(Warp& w, uint32_t slot, unsigned size, uint32_t i) {
  uint64_t v = 0;
  std::memcpy(&v, w.regs + slot + i * size, size);
  return v;
}
void write_lane(Warp& w, uint32_t slot, unsigned size, uint32_t i, uint64_t v) {
  std::memcpy(w.regs + slot + i * size, &v, size);
}
int64_t sign_extend(uint64_t v, unsigned bytes) {
  return int64_t(v << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

template <class T>
T from_bits(uint64_t b) {
  T t;
  std::memcpy(&t, &b, sizeof t);
  return t;
}
template <class T>
uint64_t to_bits(T t) {
  uint64_t b = 0;
  std::memcpy(&b, &t, sizeof t);
  return b;
}

// A scalar operation over the lanes: f(a, b, c, e) on raw bits.
template <uint64_t (*F)(const Instr&, uint64_t, uint64_t, uint64_t, uint64_t)>
void lanewise(Warp& w, const Instr& in) {
  for_lanes(w.exec, [&](uint32_t i) {
    const uint64_t a = in.a ? read_lane(w, in.a, in.a_size, i) : 0, b = in.b ? read_lane(w, in.b, in.b_size, i) : 0;
    const uint64_t c = in.c ? read_lane(w, in.c, in.c_size, i) : 0, e = in.e ? read_lane(w, in.e, 4, i) : 0;
    write_lane(w, in.d, in.d_size, i, F(in, a, b, c, e));
  });
}

uint64_t op_bits(const Instr& in, uint64_t a, uint64_t b, uint64_t c, uint64_t e) {
  const unsigned bits = 8 * type_size(in.type);
  const bool sign = is_signed(in.type);
  switch (in.op) {
    case Op::kPopc: return uint64_t(__builtin_popcountll(a));
    case Op::kClz: return a == 0 ? bits : uint64_t(__builtin_clzll(a)) - (64 - bits);
    case Op::kBfind: {
      uint64_t v = a;
      if (sign && sign_extend(a, bits / 8) < 0) v = ~a & (bits == 64 ? ~0ull : (1ull << bits) - 1);
      if (v == 0) return 0xFFFFFFFF;
      const uint32_t at = 63 - uint32_t(__builtin_clzll(v));
      return in.mods.has(Mod::k_shiftamt) ? bits - 1 - at : at;
    }
    case Op::kBrev: {
      uint64_t r = 0;
      for (unsigned i = 0; i < bits; ++i) r |= (a >> i & 1) << (bits - 1 - i);
      return r;
    }
    case Op::kBfe: {
      const uint32_t pos = b & 255, len = c & 255;
      const uint32_t top = std::min(pos + len - 1, bits - 1);
      const uint64_t fill = !sign || len == 0 ? 0 : a >> (pos + len > bits ? bits - 1 : top) & 1;
      uint64_t r = 0;
      for (unsigned i = 0; i < bits; ++i) r |= ((i < len && pos + i < bits) ? a >> (pos + i) & 1 : fill) << i;
      return r;
    }
    case Op::kBfi: {
      const uint32_t pos = c & 255, len = e & 255;
      uint64_t r = b;
      for (unsigned i = 0; i < len && pos + i < bits; ++i) r = (r & ~(1ull << (pos + i))) | (a >> i & 1) << (pos + i);
      return r;
    }
    case Op::kBmsk: {
      const bool wrap = in.mods.has(Mod::k_wrap);
      const uint32_t pos = wrap ? a & 31 : uint32_t(a), len = wrap ? b & 31 : uint32_t(b);
      if (pos > 31) return 0;
      const uint64_t ones = len > 31 ? 0xFFFFFFFFull : (1ull << len) - 1;
      return uint32_t(ones << pos);
    }
    case Op::kSzext: {
      const bool wrap = in.mods.has(Mod::k_wrap);
      uint32_t n = wrap ? b & 31 : uint32_t(b);
      if (n > 31) return a;
      if (n == 0) return 0;
      const uint32_t low = uint32_t(a) & ((1u << n) - 1);
      return sign && (low >> (n - 1) & 1) ? low | ~((1u << n) - 1) : low;
    }
    case Op::kPrmt: {
      const uint64_t bytes = a | b << 32;
      uint32_t sel = uint32_t(c);
      auto pick = [&](uint32_t s) {
        uint32_t v = uint32_t(bytes >> (8 * (s & 7))) & 255;
        return (s & 8) ? ((v & 128) ? 255u : 0u) : v;
      };
      const uint32_t n = sel & 3;
      uint32_t s[4] = {sel & 15, sel >> 4 & 15, sel >> 8 & 15, sel >> 12 & 15};
      auto set = [&](uint32_t s0, uint32_t s1, uint32_t s2, uint32_t s3) {
        s[0] = s0 & 7;
        s[1] = s1 & 7;
        s[2] = s2 & 7;
        s[3] = s3 & 7;
      };
      if (in.mods.has(Mod::k_f4e))
        set(n, n + 1, n + 2, n + 3);
      else if (in.mods.has(Mod::k_b4e))
        set(n, n + 7, n + 6, n + 5);
      else if (in.mods.has(Mod::k_rc8))
        set(n, n, n, n);
      else if (in.mods.has(Mod::k_ecl))
        set(0, std::max(1u, n), std::max(2u, n), 3);
      else if (in.mods.has(Mod::k_ecr))
        set(0, std::min(1u, n), std::min(2u, n), n);
      else if (in.mods.has(Mod::k_rc16)) {
        const uint32_t h = (n & 1) * 2;
        set(h, h + 1, h, h + 1);
      }
      if (in.mods.has(Mod::k_ecl)) set(n, std::max(n, 1u), std::max(n, 2u), 3);
      if (in.mods.has(Mod::k_ecr)) set(0, std::min(n, 1u), std::min(n, 2u), n);
      return pick(s[0]) | pick(s[1]) << 8 | pick(s[2]) << 16 | pick(s[3]) << 24;
    }
    case Op::kDp4a:
    case Op::kDp2a: {
      const bool sa = is_signed(in.type), sb = is_signed(in.type2);
      uint32_t r = uint32_t(c);
      const unsigned n = in.op == Op::kDp4a ? 4 : 2, first = in.op == Op::kDp2a && in.mods.has(Mod::k_hi) ? 2 : 0;
      for (unsigned i = 0; i < n; ++i) {
        int64_t x, y;
        if (n == 4)
          x = sa ? int8_t(a >> 8 * i) : int64_t(a >> 8 * i & 255);
        else
          x = sa ? int16_t(a >> 16 * i) : int64_t(a >> 16 * i & 0xFFFF);
        y = sb ? int8_t(b >> 8 * (i + first)) : int64_t(b >> 8 * (i + first) & 255);
        r += uint32_t(x * y);
      }
      return r;
    }
    default: return 0;
  }
}

void exec_carry(Warp& w, const Instr& in) {
  const unsigned size = type_size(in.type), bits = 8 * size;
  const uint64_t mask = bits == 64 ? ~0ull : (1ull << bits) - 1;
  const bool mad = in.op == Op::kMadCc || in.op == Op::kMadC;
  const bool carry_in = in.op == Op::kAddC || in.op == Op::kSubC || in.op == Op::kMadC;
  const bool carry_out = in.mods.has(Mod::k_cc);
  const bool sub = in.op == Op::kSubCc || in.op == Op::kSubC;
  uint32_t out = w.carry;
  for_lanes(w.exec, [&](uint32_t i) {
    uint64_t a = read_lane(w, in.a, size, i), b = read_lane(w, in.b, size, i);
    const uint64_t cin = carry_in ? w.carry >> i & 1 : 0;
    if (mad) {
      UnsignedWide128 p;
      if (is_signed(in.type))
        p = static_cast<UnsignedWide128>(static_cast<Wide128>(sign_extend(a, size)) * sign_extend(b, size));
      else
        p = static_cast<UnsignedWide128>(a) * b;
      a = uint64_t(in.mods.has(Mod::k_hi) ? p >> bits : p) & mask;
      b = read_lane(w, in.c, size, i);
    }
    UnsignedWide128 r;
    uint64_t c;
    if (sub) {
      r = static_cast<UnsignedWide128>(a) - b - cin;
      c = uint64_t(r >> bits) & 1;  // borrow
    } else {
      r = static_cast<UnsignedWide128>(a) + b + cin;
      c = uint64_t(r >> bits) & 1;
    }
    write_lane(w, in.d, size, i, uint64_t(r) & mask);
    if (carry_out) out = (out & ~(1u << i)) | uint32_t(c) << i;
  });
  w.carry = out;
}

void exec_pred_logic(Warp& w, const Instr& in) {
  const uint32_t a = pred(w, in.a), b = in.b ? pred(w, in.b) : 0;
  uint32_t r = 0;
  switch (in.op) {
    case Op::kAnd: r = a & b; break;
    case Op::kOr: r = a | b; break;
    case Op::kXor: r = a ^ b; break;
    case Op::kNot: r = ~a; break;
    default: r = in.neg_pred ? ~a : a; break;  // mov.pred
  }
  set_pred(w, in.d, r);
}

// ---- Floating point that the vector file leaves out.
double to_double(Type t, uint64_t bits) {
  switch (t) {
    case Type::kF16: return F16::to_float(uint16_t(bits));
    case Type::kBF16: return BF16::to_float(uint16_t(bits));
    case Type::kF32: return from_bits<float>(bits);
    default: return from_bits<double>(bits);
  }
}
uint16_t flush_half(uint16_t h) {
  return h & 0x7C00 ? h : h & 0x8000;
}
float flush_float(float f) {
  return std::fpclassify(f) == FP_SUBNORMAL ? std::copysign(0.0f, f) : f;
}

struct Rounding {
  int old = std::fegetround();
  explicit Rounding(const Instr& in) {
    std::fesetround(in.mods.has(Mod::k_rz)   ? FE_TOWARDZERO
                    : in.mods.has(Mod::k_rm) ? FE_DOWNWARD
                    : in.mods.has(Mod::k_rp) ? FE_UPWARD
                                             : FE_TONEAREST);
  }
  ~Rounding() { std::fesetround(old); }
};

template <class T>
T directed(const Instr& in, T a, T b, T c) {
  volatile T x = a, y = b, z = c, r;
  switch (in.op) {
    case Op::kAdd: r = x + y; break;
    case Op::kSub: r = x - y; break;
    case Op::kMul: r = x * y; break;
    case Op::kDiv: r = x / y; break;
    case Op::kFma: r = std::fma(x, y, z); break;
    case Op::kRcp: r = T(1) / x; break;
    case Op::kSqrt: r = std::sqrt(x); break;
    default: r = T(0);
  }
  return r;
}

template <class T>
T canonical_nan() {
  return from_bits<T>(~0ull >> (65 - 8 * sizeof(T)));
}

template <class T>
T min_max(const Instr& in, T a, T b) {
  const bool is_min = in.op == Op::kMin;
  T x = a, y = b;
  if (in.mods.has(Mod::k_abs)) {
    x = std::fabs(x);
    y = std::fabs(y);
  }
  if (std::isnan(x) || std::isnan(y)) {
    if (in.mods.has(Mod::k_NaN) || (std::isnan(x) && std::isnan(y))) return canonical_nan<T>();
    x = std::isnan(x) ? y : x;
    y = x;
  }
  T r;
  if (x == y)
    r = (std::signbit(x) == is_min) ? x : y;
  else
    r = ((x < y) == is_min) ? x : y;
  if (in.mods.has(Mod::k_xorsign)) r = std::copysign(r, std::signbit(a) != std::signbit(b) ? T(-1) : T(1));
  return r;
}

template <class T>
T special_function(const Instr& in, T a, T b, T c) {
  switch (in.op) {
    case Op::kMin:
    case Op::kMax: return min_max(in, a, b);
    case Op::kCopysign: return std::copysign(b, a);
    case Op::kSin: return std::sin(a);
    case Op::kCos: return std::cos(a);
    case Op::kLg2: return std::log2(a);
    case Op::kTanh: return std::tanh(a);
    case Op::kEx2: return std::exp2(a);
    default: return directed(in, a, b, c);
  }
}

void exec_float_scalar(Warp& w, const Instr& in) {
  const Rounding rounding(in);
  const bool ftz = in.mods.has(Mod::k_ftz), sat = in.mods.has(Mod::k_sat);
  for_lanes(w.exec, [&](uint32_t i) {
    if (in.type == Type::kF64) {
      const double r = special_function(in, from_bits<double>(read_lane(w, in.a, 8, i)),
                                        in.b ? from_bits<double>(read_lane(w, in.b, 8, i)) : 0.0,
                                        in.c ? from_bits<double>(read_lane(w, in.c, 8, i)) : 0.0);
      write_lane(w, in.d, 8, i, to_bits(r));
      return;
    }
    float x[3] = {0, 0, 0};
    const uint32_t slots[3] = {in.a, in.b, in.c};
    for (int k = 0; k < 3; ++k)
      if (slots[k]) {
        x[k] = from_bits<float>(read_lane(w, slots[k], 4, i));
        if (ftz) x[k] = flush_float(x[k]);
      }
    float r = special_function(in, x[0], x[1], x[2]);
    if (ftz) r = flush_float(r);
    if (sat) r = r > 0 ? std::fmin(r, 1.0f) : 0.0f;
    write_lane(w, in.d, 4, i, to_bits(r));
  });
}

uint16_t half_scalar(const Instr& in, bool bf, uint16_t a, uint16_t b) {
  const bool ftz = in.mods.has(Mod::k_ftz) && !bf;
  if (ftz) {
    a = flush_half(a);
    b = flush_half(b);
  }
  const float x = bf ? BF16::to_float(a) : F16::to_float(a), y = bf ? BF16::to_float(b) : F16::to_float(b);
  const float r = special_function(in, x, y, 0.0f);
  return bf ? BF16::from_float(r) : F16::from_float(r);
}
void exec_half_scalar(Warp& w, const Instr& in) {
  const bool bf = in.type == Type::kBF16 || in.type == Type::kBF16x2, two = type_size(in.type) == 4;
  for_lanes(w.exec, [&](uint32_t i) {
    const unsigned size = two ? 4 : 2;
    const uint64_t a = read_lane(w, in.a, size, i), b = in.b ? read_lane(w, in.b, size, i) : 0;
    uint64_t r = half_scalar(in, bf, uint16_t(a), uint16_t(b));
    if (two) r |= uint64_t(half_scalar(in, bf, uint16_t(a >> 16), uint16_t(b >> 16))) << 16;
    write_lane(w, in.d, size, i, r);
  });
}

void exec_testp(Warp& w, const Instr& in) {
  uint32_t r = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    const uint64_t bits = read_lane(w, in.a, in.a_size, i);
    const int k =
        in.type == Type::kF32 ? std::fpclassify(from_bits<float>(bits)) : std::fpclassify(from_bits<double>(bits));
    const ModSet& m = in.mods;
    const bool v = m.has(Mod::k_finite)       ? k != FP_NAN && k != FP_INFINITE
                   : m.has(Mod::k_infinite)   ? k == FP_INFINITE
                   : m.has(Mod::k_number)     ? k != FP_NAN
                   : m.has(Mod::k_notanumber) ? k == FP_NAN
                   : m.has(Mod::k_normal)     ? k == FP_NORMAL || k == FP_ZERO
                                              : k == FP_SUBNORMAL;
    r |= uint32_t(v) << i;
  });
  set_pred(w, in.d, r);
}

bool compare(const Instr& in, Type t, uint64_t a, uint64_t b) {
  const ModSet& m = in.mods;
  if (is_float(t)) {
    if (m.has(Mod::k_ftz) && t == Type::kF16) {
      a = flush_half(uint16_t(a));
      b = flush_half(uint16_t(b));
    }
    double x = to_double(t, a), y = to_double(t, b);
    if (m.has(Mod::k_ftz) && t == Type::kF32) {
      x = flush_float(float(x));
      y = flush_float(float(y));
    }
    const bool un = std::isnan(x) || std::isnan(y);
    if (m.has(Mod::k_num)) return !un;
    if (m.has(Mod::k_nan)) return un;
    if (m.has(Mod::k_eq)) return !un && x == y;
    if (m.has(Mod::k_ne)) return !un && x != y;
    if (m.has(Mod::k_lt)) return x < y;
    if (m.has(Mod::k_le)) return x <= y;
    if (m.has(Mod::k_gt)) return x > y;
    if (m.has(Mod::k_ge)) return x >= y;
    if (m.has(Mod::k_equ)) return un || x == y;
    if (m.has(Mod::k_neu)) return un || x != y;
    if (m.has(Mod::k_ltu)) return un || x < y;
    if (m.has(Mod::k_leu)) return un || x <= y;
    if (m.has(Mod::k_gtu)) return un || x > y;
    return un || x >= y;
  }
  const unsigned size = type_size(t);
  const bool sign = is_signed(t);
  const int64_t sx = sign_extend(a, size), sy = sign_extend(b, size);
  if (m.has(Mod::k_eq)) return a == b;
  if (m.has(Mod::k_ne)) return a != b;
  const bool less = sign ? sx < sy : a < b;
  if (m.has(Mod::k_lt) || m.has(Mod::k_lo)) return less;
  if (m.has(Mod::k_le) || m.has(Mod::k_ls)) return less || a == b;
  if (m.has(Mod::k_gt) || m.has(Mod::k_hi)) return !less && a != b;
  return !less;
}
bool combine(Warp& w, const Instr& in, uint32_t i, bool r) {
  if (!in.c) return r;
  const bool q = pred_source(w, in, in.c) >> i & 1;
  return in.mods.has(Mod::k_and_) ? r && q : in.mods.has(Mod::k_or_) ? r || q : r != q;
}
void exec_setp_scalar(Warp& w, const Instr& in) {
  const bool two = in.type == Type::kF16x2 || in.type == Type::kBF16x2;
  const Type t = in.type == Type::kF16x2 ? Type::kF16 : in.type == Type::kBF16x2 ? Type::kBF16 : in.type;
  uint32_t r = 0, s = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    const uint64_t a = read_lane(w, in.a, in.a_size, i), b = read_lane(w, in.b, in.b_size, i);
    const bool lo = compare(in, t, two ? a & 0xFFFF : a, two ? b & 0xFFFF : b);
    const bool hi = two ? compare(in, t, a >> 16, b >> 16) : !lo;
    r |= uint32_t(combine(w, in, i, lo)) << i;
    s |= uint32_t(combine(w, in, i, hi)) << i;
  });
  set_pred(w, in.d, r);
  if (in.d2) set_pred(w, in.d2, s);
}
void exec_set(Warp& w, const Instr& in) {
  const Type s = in.type2, d = in.type;
  const bool two = s == Type::kF16x2 || s == Type::kBF16x2;
  const Type t = s == Type::kF16x2 ? Type::kF16 : s == Type::kBF16x2 ? Type::kBF16 : s;
  auto one = [&]() -> uint64_t {
    switch (d) {
      case Type::kF32: return 0x3F800000;
      case Type::kF16:
      case Type::kF16x2: return 0x3C00;
      case Type::kBF16:
      case Type::kBF16x2: return 0x3F80;
      case Type::kU16:
      case Type::kS16: return 0xFFFF;
      default: return two ? 0xFFFF : 0xFFFFFFFF;
    }
  }();
  for_lanes(w.exec, [&](uint32_t i) {
    const uint64_t a = read_lane(w, in.a, in.a_size, i), b = read_lane(w, in.b, in.b_size, i);
    uint64_t r = combine(w, in, i, compare(in, t, two ? a & 0xFFFF : a, two ? b & 0xFFFF : b)) ? one : 0;
    if (two && combine(w, in, i, compare(in, t, a >> 16, b >> 16))) r |= one << 16;
    write_lane(w, in.d, in.d_size, i, r);
  });
}
void exec_slct(Warp& w, const Instr& in) {
  for_lanes(w.exec, [&](uint32_t i) {
    const uint64_t c = read_lane(w, in.c, 4, i);
    const bool first = in.type2 == Type::kF32
                           ? (in.mods.has(Mod::k_ftz) ? flush_float(from_bits<float>(c)) : from_bits<float>(c)) >= 0.0f
                           : int32_t(c) >= 0;
    write_lane(w, in.d, in.d_size, i, read_lane(w, first ? in.a : in.b, in.a_size, i));
  });
}

// ---- Conversions in general.
void exec_cvt(Warp& w, const Instr& in) {
  const Type d = in.type, s = in.type2;
  const ModSet& m = in.mods;
  const bool sat = m.has(Mod::k_sat), ftz = m.has(Mod::k_ftz);
  const unsigned ss = type_size(s), ds = type_size(d);
  const bool wide_dest = in.d_size > ds;
  auto round = [&](double x) {
    if (m.has(Mod::k_rzi)) return std::trunc(x);
    if (m.has(Mod::k_rmi)) return std::floor(x);
    if (m.has(Mod::k_rpi)) return std::ceil(x);
    return std::nearbyint(x);
  };
  const bool integral = m.has(Mod::k_rni) || m.has(Mod::k_rzi) || m.has(Mod::k_rmi) || m.has(Mod::k_rpi);
  for_lanes(w.exec, [&](uint32_t i) {
    uint64_t raw = read_lane(w, in.a, in.a_size, i);
    if (ss < 8) raw &= (1ull << (8 * ss)) - 1;
    uint64_t r = 0;
    if (d == Type::kTF32) {
      const uint32_t b = uint32_t(raw);
      r = (b & 0x7F800000) == 0x7F800000 ? b : (b + 0x1000) & 0xFFFFE000;
    } else if (!is_float(s) && !is_float(d)) {
      const int64_t v = is_signed(s) ? sign_extend(raw, ss) : int64_t(raw);
      r = uint64_t(v);
      if (sat) {
        Wide128 x = is_signed(s) ? static_cast<Wide128>(v) : static_cast<Wide128>(raw);
        const Wide128 lo = is_signed(d) ? -(static_cast<Wide128>(1) << (8 * ds - 1)) : 0;
        const Wide128 hi = (static_cast<Wide128>(1) << (is_signed(d) ? 8 * ds - 1 : 8 * ds)) - 1;
        r = uint64_t(x < lo ? lo : x > hi ? hi : x);
      }
    } else if (is_float(s) && !is_float(d)) {
      double x = to_double(s, raw);
      if (ftz && s == Type::kF32) x = flush_float(float(x));
      const double lo = is_signed(d) ? -std::ldexp(1.0, int(8 * ds - 1)) : 0.0;
      const double hi = std::ldexp(1.0, int(is_signed(d) ? 8 * ds - 1 : 8 * ds));
      if (std::isnan(x))
        r = s == Type::kF64 || ds == 8 ? 1ull << (8 * ds - 1) : 0;
      else {
        x = round(x);
        if (x <= lo)
          r = is_signed(d) ? uint64_t(-1) << (8 * ds - 1) : 0;
        else if (x >= hi)
          r = is_signed(d) ? (1ull << (8 * ds - 1)) - 1 : ds == 8 ? ~0ull : (1ull << (8 * ds)) - 1;
        else
          r = is_signed(d) ? uint64_t(int64_t(x)) : uint64_t(x);
      }
    } else {
      const Rounding rounding(in);
      volatile double x;
      bool exact_in_double = true;
      volatile float direct = 0;
      if (is_float(s)) {
        double v = to_double(s, raw);
        if (ftz && s == Type::kF32) v = flush_float(float(v));
        if (integral) v = round(v);
        x = v;
      } else {
        exact_in_double = ss < 8;
        if (is_signed(s)) {
          const int64_t v = sign_extend(raw, ss);
          x = double(v);
          direct = float(v);
        } else {
          x = double(raw);
          direct = float(raw);
        }
      }
      if (d == Type::kF64) {
        double g = x;
        if (sat) g = g > 0 ? std::fmin(g, 1.0) : 0.0;
        r = to_bits(g);
      } else if (d == Type::kF32) {
        volatile float f = exact_in_double ? float(x) : direct;
        float g = f;
        if (ftz) g = flush_float(g);
        if (sat) g = g > 0 ? std::fmin(g, 1.0f) : 0.0f;
        r = to_bits(g);
      } else {
        double y = x;
        if (sat) y = y > 0 ? std::fmin(y, 1.0) : 0.0;
        if (m.has(Mod::k_relu) && y < 0) y = 0;
        const bool bf = d == Type::kBF16;
        const float odd = round_odd(y);
        uint16_t h = bf ? BF16::from_float(odd) : F16::from_float(odd);
        if (m.has(Mod::k_rz) || m.has(Mod::k_rm) || m.has(Mod::k_rp)) {
          // Step to the neighbour on the wanted side when rounding to nearest went to the other one.
          const double back = bf ? BF16::to_float(h) : F16::to_float(h);
          const bool up = m.has(Mod::k_rp) || (m.has(Mod::k_rz) && y < 0),
                     down = m.has(Mod::k_rm) || (m.has(Mod::k_rz) && y > 0);
          if (up && back < y) h = h == 0x8000 ? 0x0001 : (h & 0x8000) ? uint16_t(h - 1) : uint16_t(h + 1);
          if (down && back > y) h = h == 0x0000 ? 0x8001 : (h & 0x8000) ? uint16_t(h + 1) : uint16_t(h - 1);
        }
        r = h;
      }
    }
    if (ds < 8) {
      r &= (1ull << (8 * ds)) - 1;
      if (wide_dest && is_signed(d)) r = uint64_t(sign_extend(r, ds));
    }
    write_lane(w, in.d, in.d_size, i, r);
  });
}
// Conversions that lose bits must say how.
bool lacks_rounding(const Instr& in) {
  const ModSet& m = in.mods;
  const bool direct = m.has(Mod::k_rn) || m.has(Mod::k_rz) || m.has(Mod::k_rm) || m.has(Mod::k_rp) || m.has(Mod::k_rna);
  const bool integral = m.has(Mod::k_rni) || m.has(Mod::k_rzi) || m.has(Mod::k_rmi) || m.has(Mod::k_rpi);
  const Type d = in.type, s = in.type2;
  if (is_float(s) && !is_float(d)) return !integral;
  if (!is_float(s) && is_float(d)) return !direct;
  return is_float(s) && type_size(d) < type_size(s) && !direct;
}
void exec_pack2_rz(Warp& w, const Instr& in) {
  const bool bf = in.type == Type::kBF16x2;
  auto one = [&](float f) -> uint32_t {
    if (in.mods.has(Mod::k_relu) && f < 0) f = 0;
    uint16_t h = bf ? BF16::from_float(f) : F16::from_float(f);
    const float back = bf ? BF16::to_float(h) : F16::to_float(h);
    if (std::fabs(back) > std::fabs(f)) --h;
    return h;
  };
  for_lanes(w.exec, [&](uint32_t i) {
    reg<uint32_t>(w, in.d)[i] = one(reg<float>(w, in.a)[i]) << 16 | one(reg<float>(w, in.b)[i]);
  });
}

void exec_mov_vector(Warp& w, const Instr& in) {
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  const unsigned part = type_size(in.type) / in.vec;
  const uint64_t mask = (1ull << (8 * part)) - 1;
  for_lanes(w.exec, [&](uint32_t i) {
    if (in.imm == 1) {
      const uint64_t v = read_lane(w, in.a, in.a_size, i);
      for (unsigned k = 0; k < in.vec; ++k) write_lane(w, slots[k], in.d_size, i, v >> (8 * part * k) & mask);
    } else {
      uint64_t v = 0;
      for (unsigned k = 0; k < in.vec; ++k) v |= (read_lane(w, slots[k], in.a_size, i) & mask) << (8 * part * k);
      write_lane(w, in.d, in.d_size, i, v);
    }
  });
}

void exec_cvta(Warp& w, const Instr& in) {
  uint64_t window = 0;
  if (in.space == Space::kShared) window = kSharedWindow;
  if (in.space == Space::kLocal) window = kLocalWindow;
  if (in.space == Space::kParam) window = kParamWindow;
  const bool to = in.mods.has(Mod::k_to);
  for_lanes(w.exec, [&](uint32_t i) {
    uint64_t v = read_lane(w, in.a, in.a_size, i);
    if (window) v = to ? (v & ~kWindowMask) : v + window;
    write_lane(w, in.d, in.d_size, i, v);
  });
}
void exec_isspacep(Warp& w, const Instr& in) {
  uint32_t r = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    const uint64_t window = read_lane(w, in.a, in.a_size, i) & kWindowMask;
    bool v = window == 0 && in.space == Space::kGlobal;
    v |= window == kSharedWindow && in.space == Space::kShared;
    v |= window == kLocalWindow && in.space == Space::kLocal;
    v |= window == kParamWindow && in.space == Space::kParam;
    r |= uint32_t(v) << i;
  });
  set_pred(w, in.d, r);
}
void exec_nop(Warp&, const Instr&) {}
void exec_clock(Warp& w, const Instr& in) {
  const uint64_t now = w.counters->instructions();
  for_lanes(w.exec, [&](uint32_t i) { write_lane(w, in.d, in.d_size, i, now); });
}

// ---- Atomics.
template <class T, class F>
T atomic_update(T* p, bool shared, F f) {
  if (shared) {
    const T old = *p;
    *p = f(old);
    return old;
  }
  T old = __atomic_load_n(p, __ATOMIC_RELAXED);
  T next = f(old);
  while (!__atomic_compare_exchange_n(p, &old, next, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) next = f(old);
  return old;
}
uint64_t atomic_value(const Instr& in, uint64_t old, uint64_t b, uint64_t c) {
  const ModSet& m = in.mods;
  const unsigned size = type_size(in.type);
  if (m.has(Mod::k_cas)) return old == b ? c : old;
  if (m.has(Mod::k_exch)) return b;
  if (m.has(Mod::k_and_)) return old & b;
  if (m.has(Mod::k_or_)) return old | b;
  if (m.has(Mod::k_xor_)) return old ^ b;
  if (m.has(Mod::k_inc)) return old >= b ? 0 : old + 1;
  if (m.has(Mod::k_dec)) return old == 0 || old > b ? b : old - 1;
  if (m.has(Mod::k_min) || m.has(Mod::k_max)) {
    const bool less = is_signed(in.type) ? sign_extend(b, size) < sign_extend(old, size) : b < old;
    return less == m.has(Mod::k_min) ? b : old;
  }
  auto half = [](bool bf, uint16_t x, uint16_t y) -> uint16_t {
    return bf ? BF16::from_float(BF16::to_float(x) + BF16::to_float(y))
              : F16::from_float(F16::to_float(x) + F16::to_float(y));
  };
  switch (in.type) {
    case Type::kF32: return to_bits(from_bits<float>(old) + from_bits<float>(b));
    case Type::kF64: return to_bits(from_bits<double>(old) + from_bits<double>(b));
    case Type::kF16: return half(false, uint16_t(old), uint16_t(b));
    case Type::kBF16: return half(true, uint16_t(old), uint16_t(b));
    case Type::kF16x2:
    case Type::kBF16x2: {
      const bool bf = in.type == Type::kBF16x2;
      return uint64_t(half(bf, uint16_t(old), uint16_t(b))) | uint64_t(half(bf, uint16_t(old >> 16), uint16_t(b >> 16)))
                                                                  << 16;
    }
    default: return old + b;
  }
}
void exec_atomic(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  const unsigned size = type_size(in.type);
  uint64_t a[32] = {};
  uint32_t shared = 0, global = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    a[i] = read_lane(w, in.a, in.a_size, i) + uint64_t(in.imm);
    if (in.a_size == 4) a[i] = uint32_t(a[i]);
    const bool in_shared =
        in.space == Space::kShared || (in.space == Space::kGeneric && (a[i] & kWindowMask) == kSharedWindow);
    if (in_shared) {
      a[i] &= ~kWindowMask;
      shared |= 1u << i;
    } else
      global |= 1u << i;
  });
  if (shared) shared = shared_access_slow(w, in, a, shared, size, "atomic access");
  if (global) global = global_access_slow(w, in, a, global, size, "atomic access");
  if (c.stats && global) count_global_atomic(w, a, global, size);
  if (c.stats && shared) count_shared(w, a, shared, size);
  for_lanes(shared | global, [&](uint32_t i) {
    const bool sh = shared >> i & 1;
    const uint64_t b = read_lane(w, in.b, size, i), cc = in.c ? read_lane(w, in.c, size, i) : 0;
    if (sh && c.check_shared) {
      shared_read_checked(w, in, i, uint32_t(a[i]), size, true);
      shared_write_checked(w, in, i, uint32_t(a[i]), size, true, nullptr);
    }
    uint8_t* p = sh ? c.shared + a[i]
                    : reinterpret_cast<uint8_t*>(
                          a[i] - c.mem_base < (kSlotCount << kSlotShift) ? a[i] + uint64_t(c.mem_shift) : a[i]);
    // Adding in global memory flushes subnormal floats; in shared memory it does not.
    const bool flush = !sh && in.type == Type::kF32 && in.mods.has(Mod::k_add);
    auto flushed = [](uint64_t v) { return to_bits(flush_float(from_bits<float>(v))); };
    auto f = [&](uint64_t old) {
      return flush ? flushed(atomic_value(in, flushed(old), flushed(b), cc)) : atomic_value(in, old, b, cc);
    };
    uint64_t old;
    if (size == 2)
      old = atomic_update(reinterpret_cast<uint16_t*>(p), sh, [&](uint16_t v) { return uint16_t(f(v)); });
    else if (size == 4)
      old = atomic_update(reinterpret_cast<uint32_t*>(p), sh, [&](uint32_t v) { return uint32_t(f(v)); });
    else
      old = atomic_update(reinterpret_cast<uint64_t*>(p), sh, [&](uint64_t v) { return f(v); });
    if (in.op == Op::kAtom) write_lane(w, in.d, in.d_size, i, old);
  });
}

// ---- Warp-wide.
uint32_t members_of(Warp& w, uint32_t slot) {
  return reg<uint32_t>(w, slot)[__builtin_ctz(w.exec)];
}

void exec_shfl(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.e))) return;
  const uint32_t *a = reg<uint32_t>(w, in.a), *b = reg<uint32_t>(w, in.b), *c = reg<uint32_t>(w, in.c);
  uint32_t t[32], p = 0, invalid = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    const uint32_t bv = b[i] & 31, clamp = c[i] & 31, seg = c[i] >> 8 & 31;
    const int max = int((i & seg) | (clamp & ~seg));
    int j;
    bool ok;
    if (in.mods.has(Mod::k_up)) {
      j = int(i) - int(bv);
      ok = j >= max;
    } else if (in.mods.has(Mod::k_down)) {
      j = int(i + bv);
      ok = j <= max;
    } else if (in.mods.has(Mod::k_bfly)) {
      j = int(i ^ bv);
      ok = j <= max;
    } else {
      j = int((i & seg) | (bv & ~seg));
      ok = j <= max;
    }
    if (!ok)
      j = int(i);
    else
      p |= 1u << i;
    if (ok && !(w.exec >> j & 1)) invalid |= 1u << i;
    t[i] = a[j & 31];
  });
  // Reading from a lane that does not take part gives an undefined value; only the lanes that a program then uses
  // matter, so this is no finding by itself. The value is made conspicuous instead.
  for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = (invalid >> i & 1) ? 0xDEADBEEF : t[i]; });
  if (in.d2) set_pred(w, in.d2, p);
  warp_synced(w);
}
void exec_vote(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.b))) return;
  const uint32_t q = pred_source(w, in, in.a) & w.exec;
  if (in.mods.has(Mod::k_ballot)) {
    for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = q; });
  } else {
    const bool r = in.mods.has(Mod::k_all) ? q == w.exec : in.mods.has(Mod::k_any) ? q != 0 : q == 0 || q == w.exec;
    set_pred(w, in.d, r ? ~0u : 0u);
  }
  warp_synced(w);
}
void exec_match(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.b))) return;
  const unsigned size = type_size(in.type);
  uint32_t t[32];
  bool all = true;
  for_lanes(w.exec, [&](uint32_t i) {
    t[i] = 0;
    for_lanes(w.exec, [&](uint32_t j) {
      if (read_lane(w, in.a, size, i) == read_lane(w, in.a, size, j)) t[i] |= 1u << j;
    });
    all &= t[i] == w.exec;
  });
  if (in.mods.has(Mod::k_all)) {
    for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = all ? w.exec : 0; });
    if (in.d2) set_pred(w, in.d2, all ? ~0u : 0u);
  } else {
    for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = t[i]; });
  }
  warp_synced(w);
}
void exec_redux(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.b))) return;
  const uint32_t* a = reg<uint32_t>(w, in.a);
  uint64_t r = a[__builtin_ctz(w.exec)];
  for_lanes(w.exec & (w.exec - 1), [&](uint32_t i) { r = atomic_value(in, r, a[i], 0) & 0xFFFFFFFF; });
  for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = uint32_t(r); });
  warp_synced(w);
}
void exec_activemask(Warp& w, const Instr& in) {
  for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = w.exec; });
}
void exec_movmatrix(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, ~0u)) return;
  uint16_t e[8][8];
  const uint32_t* a = reg<uint32_t>(w, in.a);
  for (uint32_t i = 0; i < 32; ++i) {
    e[i / 4][2 * (i % 4)] = uint16_t(a[i]);
    e[i / 4][2 * (i % 4) + 1] = uint16_t(a[i] >> 16);
  }
  for (uint32_t i = 0; i < 32; ++i)
    reg<uint32_t>(w, in.d)[i] = uint32_t(e[2 * (i % 4)][i / 4]) | uint32_t(e[2 * (i % 4) + 1][i / 4]) << 16;
}
void exec_bar_warp(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.a))) return;
  warp_synced(w);
}

// ---- Asynchronous copies.
void exec_commit(Warp& w, const Instr&) {
  for_lanes(w.exec, [&](uint32_t i) { ++w.group_now[i]; });
}
void exec_wait(Warp& w, const Instr& in) {
  const bool all = in.op == Op::kCpAsyncWaitAll;
  for (AsyncCopy& copy : w.copies) {
    uint32_t land = 0;
    for_lanes(w.exec & copy.mask, [&](uint32_t i) {
      if (all || uint64_t(copy.group[i]) + uint64_t(in.imm) < w.group_now[i]) land |= 1u << i;
    });
    if (land) land_copy(w, copy, land);
  }
  std::erase_if(w.copies, [](const AsyncCopy& c) { return c.mask == 0; });
}

}  // namespace

ExecFn select_common(const Instr& in) {
  switch (in.op) {
    case Op::kPopc:
    case Op::kClz:
    case Op::kBfind:
    case Op::kBrev:
    case Op::kBfe:
    case Op::kBfi:
    case Op::kBmsk:
    case Op::kSzext:
    case Op::kPrmt:
    case Op::kDp4a:
    case Op::kDp2a: return &lanewise<op_bits>;
    case Op::kAddCc:
    case Op::kAddC:
    case Op::kSubCc:
    case Op::kSubC:
    case Op::kMadCc:
    case Op::kMadC: return &exec_carry;
    case Op::kAnd:
    case Op::kOr:
    case Op::kXor:
    case Op::kNot: return in.type == Type::kPred ? &exec_pred_logic : nullptr;
    case Op::kMov: return in.type == Type::kPred ? &exec_pred_logic : in.imm ? &exec_mov_vector : nullptr;
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
    case Op::kDiv:
    case Op::kFma:
    case Op::kRcp:
    case Op::kSqrt: return in.type == Type::kF32 || in.type == Type::kF64 ? &exec_float_scalar : nullptr;
    case Op::kMin:
    case Op::kMax:
    case Op::kCopysign:
    case Op::kSin:
    case Op::kCos:
    case Op::kLg2:
    case Op::kTanh:
    case Op::kEx2:
      if (in.type == Type::kF32 || in.type == Type::kF64) return &exec_float_scalar;
      return is_float(in.type) ? &exec_half_scalar : nullptr;
    case Op::kTestp: return &exec_testp;
    case Op::kSetp: return &exec_setp_scalar;
    case Op::kSet: return &exec_set;
    case Op::kSlct: return &exec_slct;
    case Op::kCvt: return lacks_rounding(in) ? nullptr : &exec_cvt;
    case Op::kCvtPack2: return &exec_pack2_rz;
    case Op::kCvta: return &exec_cvta;
    case Op::kIsspacep: return &exec_isspacep;
    case Op::kPrefetch:
    case Op::kNop:
    case Op::kFence: return &exec_nop;
    case Op::kReadClock: return &exec_clock;
    case Op::kAtom:
    case Op::kRed: return &exec_atomic;
    case Op::kShfl: return &exec_shfl;
    case Op::kVote: return &exec_vote;
    case Op::kMatch: return &exec_match;
    case Op::kRedux: return &exec_redux;
    case Op::kActivemask: return &exec_activemask;
    case Op::kMovmatrix: return &exec_movmatrix;
    case Op::kBarWarp: return &exec_bar_warp;
    case Op::kCpAsyncCommit: return &exec_commit;
    case Op::kCpAsyncWait:
    case Op::kCpAsyncWaitAll: return &exec_wait;
    case Op::kMbarInit:
    case Op::kMbarInval:
    case Op::kMbarArrive:
    case Op::kMbarWait:
    case Op::kMbarPending: return select_mbarrier(in);
    default: return select_control(in);
  }
}

}  // namespace cudasim
