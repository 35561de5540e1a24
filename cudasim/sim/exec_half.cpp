// Half precision, vectorised. The operations work on floats; the result is rounded once.
#include "sim/vector_float.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

template <class H>
INLINE uint16_t half_finish(float r, uint32_t flags) {  // 1: sat, 2: relu, 4: ftz
  r = (flags & 1) ? (r > 0.0f ? (r < 1.0f ? r : 1.0f) : 0.0f) : r;
  r = (flags & 2) ? (r < 0.0f ? 0.0f : r) : r;
  const uint16_t h = H::from_float(r);
  return (flags & 4) && (h & H::kInf) == 0 ? uint16_t(h & 0x8000) : h;
}
template <class H>
INLINE float half_in(uint16_t h, uint32_t flags) {
  h = (flags & 4) && (h & H::kInf) == 0 ? uint16_t(h & 0x8000) : h;
  return H::to_float(h);
}
INLINE uint32_t half_flags(const Instr& in) {
  return in.mods.has(Mod::k_sat) * 1u | in.mods.has(Mod::k_relu) * 2u | (in.mods.has(Mod::k_ftz) ? 4u : 0u);
}
template <class H, class F, int N>
INLINE uint16_t half_op(uint16_t a, uint16_t b, uint16_t c, uint32_t flags) {
  if constexpr (N == 1)
    return half_finish<H>(F{}(half_in<H>(a, flags)), flags);
  else if constexpr (N == 2)
    return half_finish<H>(F{}(half_in<H>(a, flags), half_in<H>(b, flags)), flags);
  else
    return half_finish<H>(F{}(half_in<H>(a, flags), half_in<H>(b, flags), half_in<H>(c, flags)), flags);
}
template <class H, class F, int N>
void exec_half1(Warp& w, const Instr& in) {
  const uint16_t *a = reg<uint16_t>(w, in.a), *b = reg<uint16_t>(w, in.b), *c = reg<uint16_t>(w, in.c);
  const uint32_t flags = half_flags(in);
  uint16_t t[32];
  LANES t[i] = half_op<H, F, N>(a[i], N > 1 ? b[i] : 0, N > 2 ? c[i] : 0, flags);
  merge(reg<uint16_t>(w, in.d), t, w.exec);
}
template <class H, class F, int N>
void exec_half2(Warp& w, const Instr& in) {
  const uint32_t *a = reg<uint32_t>(w, in.a), *b = reg<uint32_t>(w, in.b), *c = reg<uint32_t>(w, in.c);
  const uint32_t flags = half_flags(in);
  uint32_t t[32];
  LANES {
    const uint32_t x = a[i], y = N > 1 ? b[i] : 0, z = N > 2 ? c[i] : 0;
    t[i] = uint32_t(half_op<H, F, N>(uint16_t(x), uint16_t(y), uint16_t(z), flags)) |
           uint32_t(half_op<H, F, N>(uint16_t(x >> 16), uint16_t(y >> 16), uint16_t(z >> 16), flags)) << 16;
  }
  merge(reg<uint32_t>(w, in.d), t, w.exec);
}
struct HFma {
  INLINE float operator()(float a, float b, float c) const { return fma_odd(a, b, c); }
};

template <class F, int N>
ExecFn half_variant(Type t) {
  switch (t) {
    case Type::kF16: return &exec_half1<F16, F, N>;
    case Type::kBF16: return &exec_half1<BF16, F, N>;
    case Type::kF16x2: return &exec_half2<F16, F, N>;
    case Type::kBF16x2: return &exec_half2<BF16, F, N>;
    default: return nullptr;
  }
}

}  // namespace

// bf16 has the exponents of f32, so f32 sums and products of two bf16 round twice only where both are inexact: 24 bits
// are enough for one correct rounding to 8 bits (24 >= 2 * 8 + 2), and likewise for f16.
ExecFn select_half(const Instr& in) {
  switch (in.op) {
    case Op::kAdd: return half_variant<FAdd, 2>(in.type);
    case Op::kSub: return half_variant<FSub, 2>(in.type);
    case Op::kMul: return half_variant<FMul, 2>(in.type);
    case Op::kFma: return half_variant<HFma, 3>(in.type);
    case Op::kEx2: return half_variant<FEx2, 1>(in.type);
    case Op::kAbs: return half_variant<FAbs, 1>(in.type);
    case Op::kNeg: return half_variant<FNeg, 1>(in.type);
    case Op::kMin:
      return in.mods.has(Mod::k_NaN) || in.mods.has(Mod::k_xorsign) ? nullptr : half_variant<FMin, 2>(in.type);
    case Op::kMax:
      return in.mods.has(Mod::k_NaN) || in.mods.has(Mod::k_xorsign) ? nullptr : half_variant<FMax, 2>(in.type);
    default: return nullptr;
  }
}

}  // namespace CUDASIM_ISA
}  // namespace cudasim
