// setp, vectorised.
#include "sim/vector_float.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

template <class C, class T, bool kFlush>
void exec_setp(Warp& w, const Instr& in) {
  const T *a = reg<T>(w, in.a), *b = reg<T>(w, in.b);
  uint32_t f[32];
  if constexpr (kFlush) {
    LANES f[i] = C{}(flush<true>(a[i]), flush<true>(b[i]));
  } else {
    LANES f[i] = C{}(a[i], b[i]);
  }
  uint32_t r = pack_mask(f), n = ~r;
  if (in.c) {
    const uint32_t q = pred(w, in.c) ^ (in.neg_pred ? ~0u : 0u);
    if (in.mods.has(Mod::k_and_)) {
      r &= q;
      n &= q;
    } else if (in.mods.has(Mod::k_or_)) {
      r |= q;
      n |= q;
    } else {
      r ^= q;
      n ^= q;
    }
  }
  uint32_t& d = pred(w, in.d);
  d = (d & ~w.exec) | (r & w.exec);
  if (in.d2) {
    uint32_t& e = pred(w, in.d2);
    e = (e & ~w.exec) | (n & w.exec);
  }
}
#define CMP(T, Z, expr) &exec_setp<decltype([](T a, T b) { return expr; }), T, Z>
template <class T>
ExecFn setp_int(const Instr& in) {
  const ModSet& m = in.mods;
  if (m.has(Mod::k_eq)) return CMP(T, false, a == b);
  if (m.has(Mod::k_ne)) return CMP(T, false, a != b);
  if (m.has(Mod::k_lt) || m.has(Mod::k_lo)) return CMP(T, false, a < b);
  if (m.has(Mod::k_le) || m.has(Mod::k_ls)) return CMP(T, false, a <= b);
  if (m.has(Mod::k_gt) || m.has(Mod::k_hi)) return CMP(T, false, a > b);
  if (m.has(Mod::k_ge) || m.has(Mod::k_hs)) return CMP(T, false, a >= b);
  return nullptr;
}
template <class T, bool Z>
ExecFn setp_float(const Instr& in) {
  const ModSet& m = in.mods;
  if (m.has(Mod::k_eq)) return CMP(T, Z, a == b);
  if (m.has(Mod::k_ne)) return CMP(T, Z, (a < b) | (a > b));
  if (m.has(Mod::k_lt)) return CMP(T, Z, a < b);
  if (m.has(Mod::k_le)) return CMP(T, Z, a <= b);
  if (m.has(Mod::k_gt)) return CMP(T, Z, a > b);
  if (m.has(Mod::k_ge)) return CMP(T, Z, a >= b);
  if (m.has(Mod::k_equ)) return CMP(T, Z, !((a < b) | (a > b)));
  if (m.has(Mod::k_neu)) return CMP(T, Z, a != b);
  if (m.has(Mod::k_ltu)) return CMP(T, Z, !(a >= b));
  if (m.has(Mod::k_leu)) return CMP(T, Z, !(a > b));
  if (m.has(Mod::k_gtu)) return CMP(T, Z, !(a <= b));
  if (m.has(Mod::k_geu)) return CMP(T, Z, !(a < b));
  if (m.has(Mod::k_num)) return CMP(T, Z, (a == a) & (b == b));
  if (m.has(Mod::k_nan)) return CMP(T, Z, (a != a) | (b != b));
  return nullptr;
}

}  // namespace

ExecFn select_compare(const Instr& in) {
  switch (in.type) {
    case Type::kF32: return in.mods.has(Mod::k_ftz) ? setp_float<float, true>(in) : setp_float<float, false>(in);
    case Type::kF64: return setp_float<double, false>(in);
    case Type::kF16:
    case Type::kBF16:
    case Type::kF16x2:
    case Type::kBF16x2: return nullptr;
#define X(T) setp_int<T>(in)
    default: BY_INT(in.type, X)
#undef X
  }
}

}  // namespace CUDASIM_ISA
}  // namespace cudasim
