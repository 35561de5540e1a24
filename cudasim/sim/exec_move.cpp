// selp, mov and the conversions that hot loops use; all others are in exec_scalar_move.cpp and exec_scalar_convert.cpp.
#include "sim/vector.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

template <class T>
void exec_selp(Warp& w, const Instr& in) {
  const T *a = reg<T>(w, in.a), *b = reg<T>(w, in.b);
  const uint32_t q = pred(w, in.c) ^ (in.neg_pred ? ~0u : 0u);
  T t[32];
  LANES t[i] = (q >> i & 1) ? a[i] : b[i];
  merge(reg<T>(w, in.d), t, w.exec);
}
template <class T>
void exec_mov(Warp& w, const Instr& in) {
  const T* a = reg<T>(w, in.a);
  T* d = reg<T>(w, in.d);
  if (w.exec == ~0u) {
    LANES d[i] = a[i];
  } else
    merge(d, a, w.exec);
}
template <class W, class N>
void exec_unpack(Warp& w, const Instr& in) {
  const W* a = reg<W>(w, in.a);
  W t[32];
  LANES t[i] = a[i];
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  for (unsigned k = 0; k < in.vec; ++k) {
    N* d = reg<N>(w, slots[k]);
    N u[32];
    LANES u[i] = N(t[i] >> (8 * sizeof(N) * k));
    merge(d, u, w.exec);
  }
}
template <class W, class N>
void exec_pack(Warp& w, const Instr& in) {
  W t[32] = {};
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  for (unsigned k = 0; k < in.vec; ++k) {
    const N* a = reg<N>(w, slots[k]);
    LANES t[i] |= W(W(a[i]) << (8 * sizeof(N) * k));
  }
  merge(reg<W>(w, in.d), t, w.exec);
}
ExecFn select_mov(const Instr& in) {
  if (in.type == Type::kPred) return nullptr;
  if (in.imm == 0) switch (type_size(in.type)) {
      case 2: return &exec_mov<uint16_t>;
      case 4: return &exec_mov<uint32_t>;
      case 8: return &exec_mov<uint64_t>;
      default: return nullptr;
    }
  const unsigned wide = type_size(in.type), part = wide / in.vec;
  const unsigned have = in.imm == 1 ? in.d_size : in.a_size;
  if (have != part) return nullptr;
  if (wide == 4 && part == 2) return in.imm == 1 ? &exec_unpack<uint32_t, uint16_t> : &exec_pack<uint32_t, uint16_t>;
  if (wide == 8 && part == 4) return in.imm == 1 ? &exec_unpack<uint64_t, uint32_t> : &exec_pack<uint64_t, uint32_t>;
  if (wide == 8 && part == 2) return in.imm == 1 ? &exec_unpack<uint64_t, uint16_t> : &exec_pack<uint64_t, uint16_t>;
  if (wide == 4 && part == 1) return in.imm == 1 ? &exec_unpack<uint32_t, uint8_t> : &exec_pack<uint32_t, uint8_t>;
  if (wide == 2 && part == 1) return in.imm == 1 ? &exec_unpack<uint16_t, uint8_t> : &exec_pack<uint16_t, uint8_t>;
  return nullptr;
}

template <class H>
void exec_pack2(Warp& w, const Instr& in) {
  const float *a = reg<float>(w, in.a), *b = reg<float>(w, in.b);
  const bool relu = in.mods.has(Mod::k_relu);
  uint32_t t[32];
  LANES {
    const float x = relu ? (a[i] < 0 ? 0.0f : a[i]) : a[i], y = relu ? (b[i] < 0 ? 0.0f : b[i]) : b[i];
    t[i] = uint32_t(H::from_float(x)) << 16 | H::from_float(y);
  }
  merge(reg<uint32_t>(w, in.d), t, w.exec);
}
template <class D, class S>
struct Convert {
  INLINE D operator()(S a) const { return D(a); }
};
template <class H>
struct ToFloat {
  INLINE float operator()(uint16_t a) const { return H::to_float(a); }
};
template <class H>
struct FromFloat {
  INLINE uint16_t operator()(float a) const { return H::from_float(a); }
};

ExecFn select_cvt(const Instr& in) {
  const Type d = in.type, s = in.type2;
  const ModSet& m = in.mods;
  if (m.has(Mod::k_sat) || m.has(Mod::k_ftz) || m.has(Mod::k_relu)) return nullptr;
  if (in.d_size != type_size(d) || in.a_size != type_size(s)) return nullptr;
  const bool rn = m.has(Mod::k_rn);
  if (d == Type::kF32 && s == Type::kF16) return &map1<ToFloat<F16>, float, uint16_t>;
  if (d == Type::kF32 && s == Type::kBF16) return &map1<ToFloat<BF16>, float, uint16_t>;
  if (d == Type::kF16 && s == Type::kF32 && rn) return &map1<FromFloat<F16>, uint16_t, float>;
  if (d == Type::kBF16 && s == Type::kF32 && rn) return &map1<FromFloat<BF16>, uint16_t, float>;
  if (d == Type::kF32 && s == Type::kS32 && rn) return &map1<Convert<float, int32_t>, float, int32_t>;
  if (d == Type::kF32 && s == Type::kU32 && rn) return &map1<Convert<float, uint32_t>, float, uint32_t>;
  if (d == Type::kF64 && s == Type::kF32) return &map1<Convert<double, float>, double, float>;
  if (d == Type::kF32 && s == Type::kF64 && rn) return &map1<Convert<float, double>, float, double>;
  const unsigned ds = type_size(d);
  if (is_float(d) || is_float(s)) return nullptr;
#define TO(S)                                                \
  switch (ds) {                                              \
    case 2: return &map1<Convert<uint16_t, S>, uint16_t, S>; \
    case 4: return &map1<Convert<uint32_t, S>, uint32_t, S>; \
    case 8: return &map1<Convert<uint64_t, S>, uint64_t, S>; \
    default: return nullptr;                                 \
  }
  switch (s) {
    case Type::kS16: TO(int16_t)
    case Type::kU16: TO(uint16_t)
    case Type::kS32: TO(int32_t)
    case Type::kU32: TO(uint32_t)
    case Type::kS64: TO(int64_t)
    case Type::kU64: TO(uint64_t)
    default: return nullptr;
  }
#undef TO
}

}  // namespace

ExecFn select_move(const Instr& in) {
  switch (in.op) {
    case Op::kSelp:
#define X(T) &exec_selp<T>
      BY_BITS(in.type, X)
#undef X
    case Op::kMov: return select_mov(in);
    case Op::kCvt: return in.type == Type::kTF32 ? nullptr : select_cvt(in);
    case Op::kCvtPack2:
      if (in.mods.has(Mod::k_rz)) return nullptr;
      return in.type == Type::kF16x2 ? &exec_pack2<F16> : &exec_pack2<BF16>;
    default: return nullptr;
  }
}

}  // namespace CUDASIM_ISA
}  // namespace cudasim
