#include "reference.h"

namespace conformance {

Wide integer(Type t, uint64_t bits) {
  const unsigned n = 8 * cudasim::type_size(t);
  if (n < 64) bits &= (1ull << n) - 1;
  if (cudasim::is_signed(t) && (bits >> (n - 1) & 1)) return static_cast<Wide>(bits) - (static_cast<Wide>(1) << n);
  return static_cast<Wide>(bits);
}

namespace {

Wide clamp(Wide v, Wide lo, Wide hi) {
  return v < lo ? lo : v > hi ? hi : v;
}

uint64_t permute(const Spelling& s, uint64_t a, uint64_t b, uint64_t c) {
  uint8_t byte[8];
  for (int i = 0; i < 4; ++i) {
    byte[i] = uint8_t(a >> (8 * i));
    byte[4 + i] = uint8_t(b >> (8 * i));
  }
  // The ISA's table, from d.b0 to d.b3 for each value of the two control bits.
  static const int f4e[4][4] = {{0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {3, 4, 5, 6}};
  static const int b4e[4][4] = {{0, 7, 6, 5}, {1, 0, 7, 6}, {2, 1, 0, 7}, {3, 2, 1, 0}};
  static const int rc8[4][4] = {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}};
  static const int ecl[4][4] = {{0, 1, 2, 3}, {1, 1, 2, 3}, {2, 2, 2, 3}, {3, 3, 3, 3}};
  static const int ecr[4][4] = {{0, 0, 0, 0}, {0, 1, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 3}};
  static const int rc16[4][4] = {{0, 1, 0, 1}, {2, 3, 2, 3}, {0, 1, 0, 1}, {2, 3, 2, 3}};
  const int(*table)[4] = s.has("f4e")    ? f4e
                         : s.has("b4e")  ? b4e
                         : s.has("rc8")  ? rc8
                         : s.has("ecl")  ? ecl
                         : s.has("ecr")  ? ecr
                         : s.has("rc16") ? rc16
                                         : nullptr;
  uint64_t r = 0;
  for (int i = 0; i < 4; ++i) {
    uint8_t v;
    if (table) {
      v = byte[table[c & 3][i]];
    } else {
      const unsigned nibble = unsigned(c >> (4 * i)) & 15;
      v = byte[nibble & 7];
      if (nibble & 8) v = v & 0x80 ? 0xFF : 0;
    }
    r |= uint64_t(v) << (8 * i);
  }
  return r;
}

uint64_t dot(const Spelling& s, uint64_t a, uint64_t b, uint64_t c) {
  const bool four = s.opcode == "dp4a", sa = s.words[s.words.size() - 2] == "s32", sb = s.words.back() == "s32";
  Wide sum = static_cast<Wide>(c);
  for (int i = 0; i < (four ? 4 : 2); ++i) {
    const Wide x =
        integer(four ? (sa ? Type::kS8 : Type::kU8) : (sa ? Type::kS16 : Type::kU16), a >> ((four ? 8 : 16) * i));
    const Wide y = integer(sb ? Type::kS8 : Type::kU8, b >> (8 * (i + (s.has("hi") ? 2 : 0))));
    sum += x * y;
  }
  return uint64_t(sum);
}

// Bit i of v; 0 beyond the register.
uint64_t bit(uint64_t v, unsigned i) {
  return i < 64 ? v >> i & 1 : 0;
}

}  // namespace

Expect reference_int(const Spelling& s, const Lane& l) {
  const Op op = s.form->row->op;
  const Type t = s.type(0);
  const unsigned n = 8 * cudasim::type_size(t);
  const uint64_t* in = l.in;
  const Wide a = integer(t, in[0]), b = integer(t, in[1]), c = integer(t, in[2]);
  const Wide one = 1, smin = -(one << 31), smax = (one << 31) - 1;
  auto wrap = [&](Wide v) { return exactly(uint64_t(v) & (n == 64 ? ~0ull : (1ull << n) - 1)); };
  auto high = [&]() -> Wide {
    if (t == Type::kU64) return static_cast<Wide>((static_cast<UnsignedWide>(in[0]) * in[1]) >> 64);
    return (a * b) >> n;
  };
  auto part24 = [&](uint64_t v) -> Wide { return integer(t, (v & 0xFFFFFF) << 8) >> 8; };
  switch (op) {
    case Op::kAdd: return s.has("sat") ? wrap(clamp(a + b, smin, smax)) : wrap(a + b);
    case Op::kSub: return s.has("sat") ? wrap(clamp(a - b, smin, smax)) : wrap(a - b);
    case Op::kMul: return wrap(Wide(uint64_t(a) * uint64_t(b)));
    case Op::kMulHi: return wrap(high());
    case Op::kMad: return wrap(Wide(uint64_t(a) * uint64_t(b) + uint64_t(c)));
    case Op::kMadHi: return s.has("sat") ? wrap(clamp(high() + c, smin, smax)) : wrap(high() + c);
    case Op::kMulWide:
    case Op::kMadWide: {
      const uint64_t r = uint64_t(a * b) + (op == Op::kMadWide ? in[2] : 0);
      return exactly(n == 32 ? r : r & 0xFFFFFFFF);
    }
    case Op::kMul24:
    case Op::kMad24: {
      const Wide p = part24(in[0]) * part24(in[1]);
      return wrap((s.has("hi") ? p >> 16 : p) + (op == Op::kMad24 ? c : 0));
    }
    case Op::kSad: return wrap(c + (a < b ? b - a : a - b));
    case Op::kDiv: return b == 0 ? open() : wrap(a / b);
    case Op::kRem: return b == 0 ? open() : wrap(a % b);
    case Op::kAbs: return wrap(a < 0 ? -a : a);
    case Op::kNeg: return wrap(-a);
    case Op::kMin: return wrap(a < b ? a : b);
    case Op::kMax: return wrap(a < b ? b : a);
    case Op::kAnd: return wrap(a & b);
    case Op::kOr: return wrap(a | b);
    case Op::kXor: return wrap(a ^ b);
    case Op::kNot: return wrap(~a);
    case Op::kCnot: return exactly(a == 0);
    case Op::kShl: return wrap(in[1] >= n ? 0 : Wide(in[0] << in[1]));
    case Op::kShr: return wrap(in[1] >= n ? (a < 0 ? -1 : 0) : a >> in[1]);
    case Op::kShf: {
      const uint64_t m = s.has("wrap") ? in[2] & 31 : in[2] < 32 ? in[2] : 32;
      const UnsignedWide pair = static_cast<UnsignedWide>(in[1]) << 32 | in[0];
      return exactly(uint32_t(s.has("l") ? (pair << m) >> 32 : pair >> m));
    }
    case Op::kLop3: {
      uint64_t r = 0;
      for (unsigned i = 0; i < 32; ++i)
        r |= (in[3] >> (bit(in[0], i) * 4 + bit(in[1], i) * 2 + bit(in[2], i)) & 1) << i;
      return exactly(r);
    }
    case Op::kPrmt: return exactly(permute(s, in[0], in[1], in[2]));
    case Op::kBfe: {
      const unsigned pos = in[1] & 0xFF, len = in[2] & 0xFF, msb = n - 1;
      const uint64_t sbit =
          !cudasim::is_signed(t) || len == 0 ? 0 : bit(in[0], pos + len - 1 < msb ? pos + len - 1 : msb);
      uint64_t d = 0;
      for (unsigned i = 0; i <= msb; ++i) d |= (i < len && pos + i <= msb ? bit(in[0], pos + i) : sbit) << i;
      return exactly(d);
    }
    case Op::kBfi: {
      const unsigned pos = in[2] & 0xFF, len = in[3] & 0xFF;
      uint64_t d = in[1];
      for (unsigned i = 0; i < len && pos + i <= n - 1; ++i)
        d = (d & ~(1ull << (pos + i))) | bit(in[0], i) << (pos + i);
      return exactly(d);
    }
    case Op::kBfind: {
      const uint64_t v = a < 0 ? uint64_t(~a) : uint64_t(a);
      for (unsigned i = n; i-- > 0;)
        if (bit(v, i)) return exactly(s.has("shiftamt") ? n - 1 - i : i);
      return exactly(0xFFFFFFFF);
    }
    case Op::kPopc: {
      unsigned count = 0;
      for (unsigned i = 0; i < n; ++i) count += unsigned(bit(in[0], i));
      return exactly(count);
    }
    case Op::kClz: {
      unsigned count = 0;
      while (count < n && !bit(in[0], n - 1 - count)) ++count;
      return exactly(count);
    }
    case Op::kBrev: {
      uint64_t d = 0;
      for (unsigned i = 0; i < n; ++i) d |= bit(in[0], i) << (n - 1 - i);
      return exactly(d);
    }
    case Op::kBmsk: {
      const uint32_t pos = uint32_t(in[0]), width = uint32_t(in[1]);
      const uint32_t from = s.has("wrap") ? pos & 31 : pos, count = s.has("wrap") ? width & 31 : width;
      uint64_t d = 0;
      for (uint32_t i = 0; i < 32; ++i)
        if (i >= from && uint64_t(i) < uint64_t(from) + count) d |= 1ull << i;
      return exactly(d);
    }
    case Op::kSzext: {
      const uint32_t width = s.has("wrap") ? in[1] & 31 : uint32_t(in[1]);
      if (width >= 32) return exactly(in[0]);
      uint64_t d = 0;
      const uint64_t fill = width && s.has("s32") ? bit(in[0], width - 1) : 0;
      for (uint32_t i = 0; i < 32; ++i) d |= (i < width ? bit(in[0], i) : fill) << i;
      return exactly(d);
    }
    case Op::kDp4a:
    case Op::kDp2a: return exactly(dot(s, in[0], in[1], in[2]) & 0xFFFFFFFF);
    case Op::kSelp: return exactly(l.q ? in[0] : in[1]);
    case Op::kSlct: {
      bool first;
      if (s.types.back() == Type::kF32) {
        const uint64_t v = flushed(s, Type::kF32, in[2]);
        first = !is_nan(Type::kF32, v) && decode(Type::kF32, v) >= 0;
      } else {
        first = integer(Type::kS32, in[2]) >= 0;
      }
      return exactly(first ? in[0] : in[1]);
    }
    default: return {Expect::kBits, ~0ull};
  }
}

}  // namespace conformance
