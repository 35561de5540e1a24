// Comparisons and what picks by them, and logic on predicates.
#include <cmath>

#include "sim/scalar.h"
#include "sim/scalar_float.h"

namespace cudasim {

namespace {

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

}  // namespace

ExecFn select_scalar_compare(const Instr& in) {
  switch (in.op) {
    case Op::kAnd:
    case Op::kOr:
    case Op::kXor:
    case Op::kNot:
    case Op::kMov: return in.type == Type::kPred ? &exec_pred_logic : nullptr;
    case Op::kSetp: return &exec_setp_scalar;
    case Op::kSet: return &exec_set;
    case Op::kSlct: return &exec_slct;
    default: return nullptr;
  }
}

}  // namespace cudasim
