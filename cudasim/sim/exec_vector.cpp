// Instructions whose 32 lanes run as vectors. This file is compiled once per instruction set; CUDASIM_ISA names the
// namespace. It must not instantiate inline functions with external linkage, or the linker could mix the versions.
#include <immintrin.h>

#include "sim/half.h"
#include "sim/warp.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

#define LANES _Pragma("GCC ivdep") for (int i = 0; i < 32; ++i)
#define INLINE inline __attribute__((always_inline))

template <class T>
INLINE T* reg(Warp& w, uint32_t slot) { return reinterpret_cast<T*>(w.regs + slot); }
INLINE uint32_t& pred(Warp& w, uint32_t slot) { return *reinterpret_cast<uint32_t*>(w.regs + slot); }

template <class D>
INLINE void merge(D* d, const D* t, uint32_t m) { LANES d[i] = (m >> i & 1) ? t[i] : d[i]; }

// A mask of the lanes whose word is not zero.
INLINE uint32_t pack_mask(const uint32_t* f) {
#if defined(__AVX512F__)
  const __m512i a = _mm512_loadu_si512(f), b = _mm512_loadu_si512(f + 16);
  return uint32_t(_mm512_test_epi32_mask(a, a)) | uint32_t(_mm512_test_epi32_mask(b, b)) << 16;
#else
  uint32_t r = 0;
  for (int i = 0; i < 32; i += 4) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(f + i));
    r |= uint32_t(~_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(v, _mm_setzero_si128()))) & 15) << i;
  }
  return r;
#endif
}

template <class F, class D, class A>
void map1(Warp& w, const Instr& in) {
  D* d = reg<D>(w, in.d);
  const A* a = reg<A>(w, in.a);
  const F f{};
  if (w.exec == ~0u) {
    LANES d[i] = f(a[i]);
  } else {
    D t[32];
    LANES t[i] = f(a[i]);
    merge(d, t, w.exec);
  }
}
template <class F, class D, class A, class B>
void map2(Warp& w, const Instr& in) {
  D* d = reg<D>(w, in.d);
  const A* a = reg<A>(w, in.a);
  const B* b = reg<B>(w, in.b);
  const F f{};
  if (w.exec == ~0u) {
    LANES d[i] = f(a[i], b[i]);
  } else {
    D t[32];
    LANES t[i] = f(a[i], b[i]);
    merge(d, t, w.exec);
  }
}
template <class F, class D, class A, class B, class C>
void map3(Warp& w, const Instr& in) {
  D* d = reg<D>(w, in.d);
  const A* a = reg<A>(w, in.a);
  const B* b = reg<B>(w, in.b);
  const C* c = reg<C>(w, in.c);
  const F f{};
  if (w.exec == ~0u) {
    LANES d[i] = f(a[i], b[i], c[i]);
  } else {
    D t[32];
    LANES t[i] = f(a[i], b[i], c[i]);
    merge(d, t, w.exec);
  }
}

#define UN(T, expr) &map1<decltype([](T a) -> T { return static_cast<T>(expr); }), T, T>
#define BIN(T, expr) &map2<decltype([](T a, T b) -> T { return static_cast<T>(expr); }), T, T, T>
#define TRI(T, expr) &map3<decltype([](T a, T b, T c) -> T { return static_cast<T>(expr); }), T, T, T, T>
#define SHIFT(T, expr) &map2<decltype([](T a, uint32_t b) -> T { return static_cast<T>(expr); }), T, T, uint32_t>

// Chooses the instantiation of an integer template by the instruction's type.
#define BY_INT(t, X)                                             \
  switch (t) {                                                   \
    case Type::kU16: case Type::kB16: return X(uint16_t);        \
    case Type::kS16: return X(int16_t);                          \
    case Type::kU32: case Type::kB32: return X(uint32_t);        \
    case Type::kS32: return X(int32_t);                          \
    case Type::kU64: case Type::kB64: return X(uint64_t);        \
    case Type::kS64: return X(int64_t);                          \
    default: return nullptr;                                     \
  }
#define BY_BITS(t, X)                                            \
  switch (type_size(t)) {                                        \
    case 2: return X(uint16_t);                                  \
    case 4: return X(uint32_t);                                  \
    case 8: return X(uint64_t);                                  \
    default: return nullptr;                                     \
  }

template <class T> struct Wide;
template <> struct Wide<uint16_t> { using type = uint32_t; };
template <> struct Wide<int16_t> { using type = int32_t; };
template <> struct Wide<uint32_t> { using type = uint64_t; };
template <> struct Wide<int32_t> { using type = int64_t; };
template <> struct Wide<uint64_t> { using type = unsigned __int128; };
template <> struct Wide<int64_t> { using type = __int128; };
template <class T> using WideT = typename Wide<T>::type;
template <class T> struct Unsigned { using type = T; };
template <> struct Unsigned<int16_t> { using type = uint16_t; };
template <> struct Unsigned<int32_t> { using type = uint32_t; };
template <> struct Unsigned<int64_t> { using type = uint64_t; };
template <class T> using UnsignedT = typename Unsigned<T>::type;

template <class T> INLINE T mul_lo(T a, T b) { return T(uint64_t(a) * uint64_t(b)); }
template <class T> INLINE T mul_hi(T a, T b) { return T((WideT<T>(a) * WideT<T>(b)) >> (8 * sizeof(T))); }

INLINE int64_t clamp32(int64_t r) { return r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r; }
INLINE uint32_t bit_reverse(uint32_t v) {
  v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
  v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
  v = (v >> 4 & 0x0F0F0F0F) | (v & 0x0F0F0F0F) << 4;
  return __builtin_bswap32(v);
}

template <class T> struct MulWide { INLINE WideT<T> operator()(T a, T b) const { return WideT<T>(a) * WideT<T>(b); } };
template <class T> struct MadWide {
  INLINE WideT<T> operator()(T a, T b, WideT<T> c) const { return WideT<T>(UnsignedT<WideT<T>>(WideT<T>(a) * WideT<T>(b)) + UnsignedT<WideT<T>>(c)); }
};

ExecFn select_int(const Instr& in) {
  const Type t = in.type;
  const bool sat = in.mods.has(Mod::k_sat);
  switch (in.op) {
    case Op::kAdd:
      if (sat) return BIN(int32_t, clamp32(int64_t(a) + b));
#define X(T) BIN(T, uint64_t(a) + uint64_t(b))
      BY_INT(t, X)
#undef X
    case Op::kSub:
      if (sat) return BIN(int32_t, clamp32(int64_t(a) - b));
#define X(T) BIN(T, uint64_t(a) - uint64_t(b))
      BY_INT(t, X)
#undef X
    case Op::kMul:
#define X(T) BIN(T, mul_lo<T>(a, b))
      BY_INT(t, X)
#undef X
    case Op::kMulHi:
#define X(T) BIN(T, mul_hi<T>(a, b))
      BY_INT(t, X)
#undef X
    case Op::kMad:
#define X(T) TRI(T, uint64_t(mul_lo<T>(a, b)) + uint64_t(c))
      BY_INT(t, X)
#undef X
    case Op::kMadHi:
      if (sat) return TRI(int32_t, clamp32(int64_t(mul_hi<int32_t>(a, b)) + c));
#define X(T) TRI(T, uint64_t(mul_hi<T>(a, b)) + uint64_t(c))
      BY_INT(t, X)
#undef X
    case Op::kMulWide:
      switch (t) {
        case Type::kU16: return &map2<MulWide<uint16_t>, uint32_t, uint16_t, uint16_t>;
        case Type::kS16: return &map2<MulWide<int16_t>, int32_t, int16_t, int16_t>;
        case Type::kU32: return &map2<MulWide<uint32_t>, uint64_t, uint32_t, uint32_t>;
        case Type::kS32: return &map2<MulWide<int32_t>, int64_t, int32_t, int32_t>;
        default: return nullptr;
      }
    case Op::kMadWide:
      switch (t) {
        case Type::kU16: return &map3<MadWide<uint16_t>, uint32_t, uint16_t, uint16_t, uint32_t>;
        case Type::kS16: return &map3<MadWide<int16_t>, int32_t, int16_t, int16_t, int32_t>;
        case Type::kU32: return &map3<MadWide<uint32_t>, uint64_t, uint32_t, uint32_t, uint64_t>;
        case Type::kS32: return &map3<MadWide<int32_t>, int64_t, int32_t, int32_t, int64_t>;
        default: return nullptr;
      }
    case Op::kMul24: {
      const bool hi = in.mods.has(Mod::k_hi);
      if (t == Type::kU32) return hi ? BIN(uint32_t, (uint64_t(a & 0xFFFFFF) * (b & 0xFFFFFF)) >> 16) : BIN(uint32_t, (a & 0xFFFFFF) * (b & 0xFFFFFF));
      return hi ? BIN(int32_t, (int64_t(int32_t(uint32_t(a) << 8) >> 8) * (int32_t(uint32_t(b) << 8) >> 8)) >> 16)
                : BIN(int32_t, int64_t(int32_t(uint32_t(a) << 8) >> 8) * (int32_t(uint32_t(b) << 8) >> 8));
    }
    case Op::kMad24: {
      const bool hi = in.mods.has(Mod::k_hi);
      if (t == Type::kU32) return hi ? TRI(uint32_t, ((uint64_t(a & 0xFFFFFF) * (b & 0xFFFFFF)) >> 16) + c) : TRI(uint32_t, (a & 0xFFFFFF) * (b & 0xFFFFFF) + c);
      return hi ? TRI(int32_t, ((int64_t(int32_t(uint32_t(a) << 8) >> 8) * (int32_t(uint32_t(b) << 8) >> 8)) >> 16) + c)
                : TRI(int32_t, int64_t(int32_t(uint32_t(a) << 8) >> 8) * (int32_t(uint32_t(b) << 8) >> 8) + c);
    }
    case Op::kSad:
#define X(T) TRI(T, uint64_t(c) + (a > b ? uint64_t(a) - uint64_t(b) : uint64_t(b) - uint64_t(a)))
      BY_INT(t, X)
#undef X
    case Op::kDiv:  // division by zero gives all ones, as the hardware does
#define X(T) BIN(T, b == 0 ? T(-1) : (T(-1) < T(0) && b == T(-1)) ? T(-uint64_t(a)) : T(a / (b == 0 ? T(1) : b)))
      BY_INT(t, X)
#undef X
    case Op::kRem:
#define X(T) BIN(T, b == 0 ? a : (T(-1) < T(0) && b == T(-1)) ? T(0) : T(a % (b == 0 ? T(1) : b)))
      BY_INT(t, X)
#undef X
    case Op::kAbs:
#define X(T) UN(T, a < 0 ? -uint64_t(a) : uint64_t(a))
      BY_INT(t, X)
#undef X
    case Op::kNeg:
#define X(T) UN(T, -uint64_t(a))
      BY_INT(t, X)
#undef X
    case Op::kMin:
#define X(T) BIN(T, a < b ? a : b)
      BY_INT(t, X)
#undef X
    case Op::kMax:
#define X(T) BIN(T, a > b ? a : b)
      BY_INT(t, X)
#undef X
    case Op::kAnd:
#define X(T) BIN(T, a & b)
      BY_BITS(t, X)
#undef X
    case Op::kOr:
#define X(T) BIN(T, a | b)
      BY_BITS(t, X)
#undef X
    case Op::kXor:
#define X(T) BIN(T, a ^ b)
      BY_BITS(t, X)
#undef X
    case Op::kNot:
#define X(T) UN(T, ~a)
      BY_BITS(t, X)
#undef X
    case Op::kCnot:
#define X(T) UN(T, a == 0)
      BY_BITS(t, X)
#undef X
    case Op::kShl:
#define X(T) SHIFT(T, b >= 8 * sizeof(T) ? T(0) : T(uint64_t(a) << (b & 63)))
      BY_BITS(t, X)
#undef X
    case Op::kShr:
#define X(T) SHIFT(T, b >= 8 * sizeof(T) ? T(a < 0 ? -1 : 0) : T(a >> (b & (8 * sizeof(T) - 1))))
      BY_INT(t, X)
#undef X
    case Op::kShf: {
      const bool left = in.mods.has(Mod::k_l), wrap = in.mods.has(Mod::k_wrap);
#define F(expr) &map3<decltype([](uint32_t a, uint32_t b, uint32_t c) -> uint32_t { expr }), uint32_t, uint32_t, uint32_t, uint32_t>
      if (left && wrap) return F(const uint64_t v = uint64_t(b) << 32 | a; return uint32_t((v << (c & 31)) >> 32););
      if (left) return F(const uint64_t v = uint64_t(b) << 32 | a; const uint32_t n = c > 32 ? 32 : c; return uint32_t((v << n) >> 32););
      if (wrap) return F(const uint64_t v = uint64_t(b) << 32 | a; return uint32_t(v >> (c & 31)););
      return F(const uint64_t v = uint64_t(b) << 32 | a; const uint32_t n = c > 32 ? 32 : c; return uint32_t(v >> n););
    }
    case Op::kBrev:
      if (type_size(t) == 8) return nullptr;
      return UN(uint32_t, bit_reverse(a));
    case Op::kBfe:
      if (t == Type::kU32)
        return F(const uint32_t pos = b & 255; const uint32_t len = c & 255; const uint64_t v = pos > 31 ? 0 : a >> pos;
                 return uint32_t(len > 31 ? v : v & ((1ull << len) - 1)););
      return nullptr;
#undef F
    default: return nullptr;
  }
}

void exec_lop3(Warp& w, const Instr& in) {
  uint32_t* d = reg<uint32_t>(w, in.d);
  const uint32_t *a = reg<uint32_t>(w, in.a), *b = reg<uint32_t>(w, in.b), *c = reg<uint32_t>(w, in.c);
  const uint32_t lut = uint32_t(in.imm);
  uint32_t k[8], t[32];
  for (int j = 0; j < 8; ++j) k[j] = (lut >> j & 1) ? ~0u : 0u;
  LANES t[i] = (k[0] & ~a[i] & ~b[i] & ~c[i]) | (k[1] & ~a[i] & ~b[i] & c[i]) | (k[2] & ~a[i] & b[i] & ~c[i]) |
               (k[3] & ~a[i] & b[i] & c[i]) | (k[4] & a[i] & ~b[i] & ~c[i]) | (k[5] & a[i] & ~b[i] & c[i]) |
               (k[6] & a[i] & b[i] & ~c[i]) | (k[7] & a[i] & b[i] & c[i]);
  merge(d, t, w.exec);
}

// ---- f32 and f64.
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
template <class F, bool Z, bool S>
struct Float {
  INLINE float operator()(float a) const { return finish<Z, S>(F{}(flush<Z>(a))); }
  INLINE float operator()(float a, float b) const { return finish<Z, S>(F{}(flush<Z>(a), flush<Z>(b))); }
  INLINE float operator()(float a, float b, float c) const { return finish<Z, S>(F{}(flush<Z>(a), flush<Z>(b), flush<Z>(c))); }
};
template <class F, int N, bool Z, bool S>
constexpr ExecFn float_fn() {
  using G = Float<F, Z, S>;
  if constexpr (N == 1) return &map1<G, float, float>;
  else if constexpr (N == 2) return &map2<G, float, float, float>;
  else return &map3<G, float, float, float, float>;
}
template <class F, int N>
ExecFn float_variant(const Instr& in) {
  const bool z = in.mods.has(Mod::k_ftz), s = in.mods.has(Mod::k_sat);
  return z ? (s ? float_fn<F, N, true, true>() : float_fn<F, N, true, false>())
           : (s ? float_fn<F, N, false, true>() : float_fn<F, N, false, false>());
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
template <class T> INLINE T min_num(T a, T b);
INLINE float f_min(float a, float b) {
  const float r = a < b ? a : b < a ? b : bits_float(float_bits(a) | float_bits(b));
  return a != a ? b : b != b ? a : r;
}
INLINE float f_max(float a, float b) {
  const float r = a > b ? a : b > a ? b : bits_float(float_bits(a) & float_bits(b));
  return a != a ? b : b != b ? a : r;
}

struct FAdd { INLINE float operator()(float a, float b) const { return a + b; } };
struct FSub { INLINE float operator()(float a, float b) const { return a - b; } };
struct FMul { INLINE float operator()(float a, float b) const { return a * b; } };
struct FDiv { INLINE float operator()(float a, float b) const { return a / b; } };
struct FFma { INLINE float operator()(float a, float b, float c) const { return __builtin_fmaf(a, b, c); } };
struct FRcp { INLINE float operator()(float a) const { return 1.0f / a; } };
struct FSqrt { INLINE float operator()(float a) const { return __builtin_sqrtf(a); } };
struct FRsqrt { INLINE float operator()(float a) const { return 1.0f / __builtin_sqrtf(a); } };
struct FEx2 { INLINE float operator()(float a) const { return exp2_approx(a); } };
struct FAbs { INLINE float operator()(float a) const { return bits_float(float_bits(a) & 0x7FFFFFFF); } };
struct FNeg { INLINE float operator()(float a) const { return bits_float(float_bits(a) ^ 0x80000000); } };
struct FMin { INLINE float operator()(float a, float b) const { return f_min(a, b); } };
struct FMax { INLINE float operator()(float a, float b) const { return f_max(a, b); } };

ExecFn select_float(const Instr& in) {
  const bool directed = in.mods.has(Mod::k_rz) || in.mods.has(Mod::k_rm) || in.mods.has(Mod::k_rp);
  if (directed) return nullptr;
  switch (in.op) {
    case Op::kAdd: return float_variant<FAdd, 2>(in);
    case Op::kSub: return float_variant<FSub, 2>(in);
    case Op::kMul: return float_variant<FMul, 2>(in);
    case Op::kFma: return float_variant<FFma, 3>(in);
    case Op::kDiv: return float_variant<FDiv, 2>(in);
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
    case Op::kMul: return BIN(double, a * b);
    case Op::kDiv: return BIN(double, a / b);
    case Op::kFma: return TRI(double, __builtin_fma(a, b, c));
    case Op::kRcp: return UN(double, 1.0 / a);
    case Op::kSqrt: return UN(double, __builtin_sqrt(a));
    case Op::kRsqrt: return UN(double, 1.0 / __builtin_sqrt(a));
    case Op::kAbs: return UN(double, __builtin_fabs(a));
    case Op::kNeg: return UN(double, -a);
    default: return nullptr;
  }
}

// ---- Half precision. F works on floats; the result is rounded once.
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
  if constexpr (N == 1) return half_finish<H>(F{}(half_in<H>(a, flags)), flags);
  else if constexpr (N == 2) return half_finish<H>(F{}(half_in<H>(a, flags), half_in<H>(b, flags)), flags);
  else return half_finish<H>(F{}(half_in<H>(a, flags), half_in<H>(b, flags), half_in<H>(c, flags)), flags);
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
struct HFma { INLINE float operator()(float a, float b, float c) const { return fma_odd(a, b, c); } };

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
    case Op::kMin: return in.mods.has(Mod::k_NaN) || in.mods.has(Mod::k_xorsign) ? nullptr : half_variant<FMin, 2>(in.type);
    case Op::kMax: return in.mods.has(Mod::k_NaN) || in.mods.has(Mod::k_xorsign) ? nullptr : half_variant<FMax, 2>(in.type);
    default: return nullptr;
  }
}

// ---- Predicates.
template <class C, class T, bool kFlush>
void exec_setp(Warp& w, const Instr& in) {
  const T *a = reg<T>(w, in.a), *b = reg<T>(w, in.b);
  uint32_t f[32];
  if constexpr (kFlush) { LANES f[i] = C{}(flush<true>(a[i]), flush<true>(b[i])); }
  else { LANES f[i] = C{}(a[i], b[i]); }
  uint32_t r = pack_mask(f), n = ~r;
  if (in.c) {
    const uint32_t q = pred(w, in.c) ^ (in.neg_pred ? ~0u : 0u);
    if (in.mods.has(Mod::k_and_)) { r &= q; n &= q; }
    else if (in.mods.has(Mod::k_or_)) { r |= q; n |= q; }
    else { r ^= q; n ^= q; }
  }
  uint32_t& d = pred(w, in.d);
  d = (d & ~w.exec) | (r & w.exec);
  if (in.d2) { uint32_t& e = pred(w, in.d2); e = (e & ~w.exec) | (n & w.exec); }
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
ExecFn select_setp(const Instr& in) {
  switch (in.type) {
    case Type::kF32: return in.mods.has(Mod::k_ftz) ? setp_float<float, true>(in) : setp_float<float, false>(in);
    case Type::kF64: return setp_float<double, false>(in);
    case Type::kF16: case Type::kBF16: case Type::kF16x2: case Type::kBF16x2: return nullptr;
#define X(T) setp_int<T>(in)
    default: BY_INT(in.type, X)
#undef X
  }
}

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
  if (w.exec == ~0u) { LANES d[i] = a[i]; }
  else merge(d, a, w.exec);
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

// ---- Conversions that hot loops use; all others are in exec_scalar.cpp.
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
struct Convert { INLINE D operator()(S a) const { return D(a); } };
template <class H> struct ToFloat { INLINE float operator()(uint16_t a) const { return H::to_float(a); } };
template <class H> struct FromFloat { INLINE uint16_t operator()(float a) const { return H::from_float(a); } };

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
#define TO(S)                                                       \
  switch (ds) {                                                     \
    case 2: return &map1<Convert<uint16_t, S>, uint16_t, S>;        \
    case 4: return &map1<Convert<uint32_t, S>, uint32_t, S>;        \
    case 8: return &map1<Convert<uint64_t, S>, uint64_t, S>;        \
    default: return nullptr;                                        \
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

#include "sim/exec_memory.inl"
#include "sim/exec_matrix.inl"

ExecFn select(const Instr& in) {
  ExecFn fn = nullptr;
  switch (in.op) {
    case Op::kLop3: return &exec_lop3;
    case Op::kSetp: fn = select_setp(in); break;
    case Op::kSelp:
#define X(T) &exec_selp<T>
      BY_BITS(in.type, X)
#undef X
    case Op::kMov: fn = select_mov(in); break;
    case Op::kCvt: fn = in.type == Type::kTF32 ? nullptr : select_cvt(in); break;
    case Op::kCvtPack2:
      if (in.mods.has(Mod::k_rz)) return nullptr;
      return in.type == Type::kF16x2 ? &exec_pack2<F16> : &exec_pack2<BF16>;
    case Op::kLd: case Op::kSt: fn = select_memory(in); break;
    case Op::kLdmatrix: case Op::kMma: fn = select_matrix(in); break;
    case Op::kCpAsync: fn = &exec_cp_async; break;
    default:
      if (in.type == Type::kPred) break;
      if (in.cls == OpClass::kInt) fn = select_int(in);
      else if (in.type == Type::kF32) fn = select_float(in);
      else if (in.type == Type::kF64) fn = select_double(in);
      else if (in.cls == OpClass::kHalf || in.op == Op::kEx2) fn = select_half(in);
  }
  return fn ? fn : select_common(in);
}

void run(Warp& w, uint64_t budget) {
  uint64_t* counts = w.counters->by_class;
  uint64_t left = budget;
  while (w.pc < w.limit) {
    const Instr& in = w.code[w.pc++];
    uint32_t m = w.active;
    if (in.guard) {
      const uint32_t p = pred(w, in.guard);
      m &= in.guard_neg ? ~p : p;
      if (!m) continue;
    }
    w.exec = m;
    ++counts[unsigned(in.cls)];
    in.fn(w, in);
    if (--left == 0) return;
  }
}

}  // namespace

extern const IsaTable kTable;
const IsaTable kTable = {CUDASIM_ISA_NAME, &select, &run};

}  // namespace CUDASIM_ISA
}  // namespace cudasim
