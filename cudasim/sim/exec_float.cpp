// f32 and f64 arithmetic, vectorised.
#include "sim/vector_float.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

INLINE double flush_double(double x) {
  const uint64_t b = __builtin_bit_cast(uint64_t, x);
  return __builtin_bit_cast(double, (b & 0x7FF0000000000000) ? b : b & 0x8000000000000000);
}
template <class F, bool Z, bool S>
struct Float {
  INLINE float operator()(float a) const { return finish<Z, S>(F{}(flush<Z>(a))); }
  INLINE float operator()(float a, float b) const { return finish<Z, S>(F{}(flush<Z>(a), flush<Z>(b))); }
  INLINE float operator()(float a, float b, float c) const {
    return finish<Z, S>(F{}(flush<Z>(a), flush<Z>(b), flush<Z>(c)));
  }
};
template <class F, int N, bool Z, bool S>
constexpr ExecFn float_fn() {
  using G = Float<F, Z, S>;
  if constexpr (N == 1)
    return &map1<G, float, float>;
  else if constexpr (N == 2)
    return &map2<G, float, float, float>;
  else
    return &map3<G, float, float, float, float>;
}
template <class F, int N>
ExecFn float_variant(const Instr& in) {
  const bool z = in.mods.has(Mod::k_ftz), s = in.mods.has(Mod::k_sat);
  return z ? (s ? float_fn<F, N, true, true>() : float_fn<F, N, true, false>())
           : (s ? float_fn<F, N, false, true>() : float_fn<F, N, false, false>());
}

}  // namespace

ExecFn select_float(const Instr& in) {
  const bool directed = in.mods.has(Mod::k_rz) || in.mods.has(Mod::k_rm) || in.mods.has(Mod::k_rp);
  if (directed) return nullptr;
  switch (in.op) {
    case Op::kAdd: return float_variant<FAdd, 2>(in);
    case Op::kSub: return float_variant<FSub, 2>(in);
    case Op::kMul: return float_variant<FMul, 2>(in);
    case Op::kFma: return float_variant<FFma, 3>(in);
    case Op::kDiv: return in.mods.has(Mod::k_approx) ? float_variant<FDivApprox, 2>(in) : float_variant<FDiv, 2>(in);
    case Op::kRcp: return float_variant<FRcp, 1>(in);
    case Op::kSqrt: return float_variant<FSqrt, 1>(in);
    case Op::kRsqrt: return float_variant<FRsqrt, 1>(in);
    case Op::kEx2: return float_variant<FEx2, 1>(in);
    case Op::kAbs: return float_variant<FAbs, 1>(in);
    case Op::kNeg: return float_variant<FNeg, 1>(in);
    case Op::kMin: return in.mods.has(Mod::k_NaN) || in.mods.has(Mod::k_xorsign) ? nullptr : float_variant<FMin, 2>(in);
    case Op::kMax: return in.mods.has(Mod::k_NaN) || in.mods.has(Mod::k_xorsign) ? nullptr : float_variant<FMax, 2>(in);
    default: return nullptr;
  }
}

ExecFn select_double(const Instr& in) {
  const bool directed = in.mods.has(Mod::k_rz) || in.mods.has(Mod::k_rm) || in.mods.has(Mod::k_rp);
  if (directed) return nullptr;
  switch (in.op) {
    case Op::kAdd: return BIN(double, a + b);
    case Op::kSub: return BIN(double, a - b);
    case Op::kMul: return BIN(double, a* b);
    case Op::kDiv: return BIN(double, a / b);
    case Op::kFma: return TRI(double, __builtin_fma(a, b, c));
    case Op::kRcp:
      if (in.mods.has(Mod::k_ftz)) return UN(double, flush_double(1.0 / flush_double(a)));
      return UN(double, 1.0 / a);
    case Op::kSqrt: return UN(double, __builtin_sqrt(a));
    case Op::kRsqrt: return UN(double, 1.0 / __builtin_sqrt(a));
    case Op::kAbs: return UN(double, __builtin_fabs(a));
    case Op::kNeg: return UN(double, -a);
    default: return nullptr;
  }
}

}  // namespace CUDASIM_ISA
}  // namespace cudasim
