// Rare integer instructions: bit fields, permutations, dot products, and arithmetic with a carry.
#include <algorithm>

#include "sim/scalar.h"

namespace cudasim {

namespace {

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
        set(n, std::max(n, 1u), std::max(n, 2u), 3);
      else if (in.mods.has(Mod::k_ecr))
        set(0, std::min(n, 1u), std::min(n, 2u), n);
      else if (in.mods.has(Mod::k_rc16)) {
        const uint32_t h = (n & 1) * 2;
        set(h, h + 1, h, h + 1);
      }
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

}  // namespace

ExecFn select_scalar_int(const Instr& in) {
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
    default: return nullptr;
  }
}

}  // namespace cudasim
