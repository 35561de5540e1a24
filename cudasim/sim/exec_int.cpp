// Integer arithmetic and bits, vectorised.
#include <type_traits>

#include "sim/vector.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

__extension__ typedef __int128 Wide128;
__extension__ typedef unsigned __int128 UnsignedWide128;
template <class T>
struct Wide;
template <>
struct Wide<uint16_t> : std::type_identity<uint32_t> {};
template <>
struct Wide<int16_t> : std::type_identity<int32_t> {};
template <>
struct Wide<uint32_t> : std::type_identity<uint64_t> {};
template <>
struct Wide<int32_t> : std::type_identity<int64_t> {};
template <>
struct Wide<uint64_t> : std::type_identity<UnsignedWide128> {};
template <>
struct Wide<int64_t> : std::type_identity<Wide128> {};
template <class T>
using WideT = typename Wide<T>::type;

template <class T>
INLINE T mul_lo(T a, T b) {
  return T(uint64_t(a) * uint64_t(b));
}
template <class T>
INLINE T mul_hi(T a, T b) {
  return T((WideT<T>(a) * WideT<T>(b)) >> (8 * sizeof(T)));
}

INLINE int64_t clamp32(int64_t r) {
  return r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r;
}
INLINE uint32_t bit_reverse(uint32_t v) {
  v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
  v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
  v = (v >> 4 & 0x0F0F0F0F) | (v & 0x0F0F0F0F) << 4;
  return __builtin_bswap32(v);
}

template <class T>
struct MulWide {
  INLINE WideT<T> operator()(T a, T b) const { return WideT<T>(a) * WideT<T>(b); }
};
template <class T>
struct MadWide {
  INLINE WideT<T> operator()(T a, T b, WideT<T> c) const {
    return WideT<T>(std::make_unsigned_t<WideT<T>>(WideT<T>(a) * WideT<T>(b)) + std::make_unsigned_t<WideT<T>>(c));
  }
};

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

}  // namespace

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
      if (t == Type::kU32)
        return hi ? BIN(uint32_t, (uint64_t(a & 0xFFFFFF) * (b & 0xFFFFFF)) >> 16)
                  : BIN(uint32_t, (a & 0xFFFFFF) * (b & 0xFFFFFF));
      return hi ? BIN(int32_t, (int64_t(int32_t(uint32_t(a) << 8) >> 8) * (int32_t(uint32_t(b) << 8) >> 8)) >> 16)
                : BIN(int32_t, int64_t(int32_t(uint32_t(a) << 8) >> 8) * (int32_t(uint32_t(b) << 8) >> 8));
    }
    case Op::kMad24: {
      const bool hi = in.mods.has(Mod::k_hi);
      if (t == Type::kU32)
        return hi ? TRI(uint32_t, ((uint64_t(a & 0xFFFFFF) * (b & 0xFFFFFF)) >> 16) + c)
                  : TRI(uint32_t, (a & 0xFFFFFF) * (b & 0xFFFFFF) + c);
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
#define X(T) BIN(T, a& b)
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
#define F(expr) \
  &map3<decltype([](uint32_t a, uint32_t b, uint32_t c) -> uint32_t { expr }), uint32_t, uint32_t, uint32_t, uint32_t>
      if (left && wrap) return F(const uint64_t v = uint64_t(b) << 32 | a; return uint32_t((v << (c & 31)) >> 32););
      if (left)
        return F(const uint64_t v = uint64_t(b) << 32 | a; const uint32_t n = c > 32 ? 32 : c;
                 return uint32_t((v << n) >> 32););
      if (wrap) return F(const uint64_t v = uint64_t(b) << 32 | a; return uint32_t(v >> (c & 31)););
      return F(const uint64_t v = uint64_t(b) << 32 | a; const uint32_t n = c > 32 ? 32 : c; return uint32_t(v >> n););
    }
    case Op::kLop3: return &exec_lop3;
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

}  // namespace CUDASIM_ISA
}  // namespace cudasim
