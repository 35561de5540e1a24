#include "values.h"

#include <cstring>
#include <map>

namespace conformance {

using cudasim::Type;

namespace {

std::vector<uint64_t> integers(unsigned bits) {
  const uint64_t mask = bits == 64 ? ~0ull : (1ull << bits) - 1, top = 1ull << (bits - 1);
  std::vector<uint64_t> v;
  for (uint64_t x : {0ull,           1ull,          2ull,
                     3ull,           5ull,          7ull,
                     10ull,          16ull,         31ull,
                     32ull,          33ull,         127ull,
                     128ull,         255ull,        256ull,
                     32767ull,       32768ull,      65535ull,
                     65536ull,       0xFFFFFFull,   0x1000001ull,
                     0x7FFFFFFFull,  0x80000000ull, 0xFFFFFFFFull,
                     0x100000000ull, 0x12345678ull, 0xDEADBEEFCAFEF00Dull})
    v.push_back(x & mask);
  for (uint64_t x : {top - 1, top, top + 1, mask, mask - 1, mask - 2, mask - 127, mask - 128,
                     uint64_t(0x5555555555555555) & mask, uint64_t(0xAAAAAAAAAAAAAAAA) & mask})
    v.push_back(x);
  return v;
}

uint64_t bits_of(Type t, double x) {
  uint64_t d;
  std::memcpy(&d, &x, 8);
  if (t == Type::kF64) return d;
  const float f = float(x);
  uint32_t b;
  std::memcpy(&b, &f, 4);
  return b;
}

std::vector<uint64_t> wide_floats(Type t) {
  std::vector<uint64_t> v;
  // Among them ties of the narrower formats and of integers, and the edges of the ranges.
  for (double x : {0.0,
                   1.0,
                   0.5,
                   1.5,
                   2.0,
                   2.5,
                   3.5,
                   0.1,
                   3.14159274,
                   100.25,
                   127.5,
                   128.5,
                   255.5,
                   32767.5,
                   65504.0,
                   65519.0,
                   65520.0,
                   65535.5,
                   8388607.5,
                   16777217.0,
                   2147483647.0,
                   2147483648.0,
                   4294967040.0,
                   4294967296.0,
                   9223372036854775807.0,
                   18446744073709551615.0,
                   1e20,
                   1e-20,
                   1e-38,
                   1e-42,
                   3e38,
                   7e37,
                   1e30,
                   0x1p-24,
                   0x1p-25,
                   0x1.8p-24,
                   0x1.8p-25,
                   0x1p-14,
                   0x1.ffcp-15,
                   0x1.ffep-15,
                   1 + 0x1p-11,
                   1 + 0x3p-11,
                   1 + 0x1p-12,
                   1 + 0x1p-8,
                   1 + 0x3p-8,
                   1 + 0x1p-23,
                   1 - 0x1p-24,
                   0x1.fffffep-2,
                   0x1p-126,
                   0x1p-149,
                   0x1p127,
                   0x1p126,
                   20.0,
                   80.0,
                   -149.5 + 300}) {
    v.push_back(bits_of(t, x));
    v.push_back(bits_of(t, -x));
  }
  if (t == Type::kF32) {
    for (uint64_t b : {0x7F800000ull, 0xFF800000ull, 0x7FC00000ull, 0xFFC00000ull, 0x7F800001ull, 0xFFFFFFFFull,
                       0x00000001ull, 0x80000001ull, 0x007FFFFFull, 0x807FFFFFull, 0x7F7FFFFFull, 0xFF7FFFFFull,
                       0x3F801000ull, 0x3F803000ull, 0x3F800FFFull, 0x7F7FF000ull})
      v.push_back(b);
  } else {
    for (double x : {1 + 0x1p-24, 1 + 0x3p-24, 1 + 0x1p-24 + 0x1p-52, 0x1.fffffefp127, 0x1.ffffffp127, 0x1p-150,
                     0x1.8p-149, 0x1p-1022, 0x1p-1074, 0x1.fffffffffffffp1023, 1 + 0x1p-11 + 0x1p-50}) {
      v.push_back(bits_of(t, x));
      v.push_back(bits_of(t, -x));
    }
    for (uint64_t b : {0x7FF0000000000000ull, 0xFFF0000000000000ull, 0x7FF8000000000000ull, 0xFFF8000000000001ull,
                       0x7FF0000000000001ull, 0x000FFFFFFFFFFFFFull})
      v.push_back(b);
  }
  return v;
}

std::vector<uint64_t> halves(uint64_t infinity) {
  const uint64_t one = infinity == 0x7C00 ? 0x3C00 : 0x3F80;
  std::vector<uint64_t> v;
  for (uint64_t b : {uint64_t(0), uint64_t(1), uint64_t(2), one >> 2, one, one + 1, one - 1, one + 2, one | 0x40,
                     one + 0x100, infinity, infinity - 1, infinity - 2, infinity + 1, uint64_t(0x7FFF),
                     infinity == 0x7C00 ? uint64_t(0x03FF) : uint64_t(0x007F),
                     infinity == 0x7C00 ? uint64_t(0x0400) : uint64_t(0x0080),
                     infinity == 0x7C00 ? uint64_t(0x1400) : uint64_t(0x3B80)}) {
    v.push_back(b);
    v.push_back(b | 0x8000);
  }
  return v;
}

std::vector<uint64_t> make(Type t) {
  switch (t) {
    case Type::kPred: return {0, 1};
    case Type::kF16: return halves(0x7C00);
    case Type::kBF16: return halves(0x7F80);
    case Type::kF32:
    case Type::kF64: return wide_floats(t);
    default: return integers(8 * cudasim::type_size(t));
  }
}

}  // namespace

const std::vector<uint64_t>& special_values(Type t) {
  static std::map<Type, std::vector<uint64_t>> all;
  auto it = all.find(t);
  if (it == all.end()) it = all.emplace(t, make(t)).first;
  return it->second;
}

const std::vector<uint64_t>& count_values() {
  static const std::vector<uint64_t> v = {0,   1,   2,   4,   5,   7,   8,   15,         16,         17,
                                          24,  30,  31,  32,  33,  47,  48,  63,         64,         65,
                                          127, 128, 200, 255, 256, 257, 288, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
  return v;
}

uint64_t pick(Type t, Random& random) {
  const std::vector<uint64_t>& v = special_values(t);
  const uint64_t r = random.next(), b = random.next();
  if (r % 4 == 0) return v[(r >> 8) % v.size()];
  switch (t) {
    case Type::kPred: return b >> 40 & 1;
    case Type::kF32: return r % 4 == 1 ? b >> 32 : (b >> 32 & 0x807FFFFF) | ((120 + (b & 15)) << 23);
    case Type::kF64: return r % 4 == 1 ? b : (b & 0x800FFFFFFFFFFFFF) | ((1016 + (b >> 52 & 15)) << 52);
    case Type::kF16: return r % 4 == 1 ? b >> 48 : (b >> 32 & 0x83FF) | ((12 + (b & 7)) << 10);
    case Type::kBF16: return r % 4 == 1 ? b >> 48 : (b >> 32 & 0x807F) | ((124 + (b & 7)) << 7);
    default: {
      const unsigned n = 8 * cudasim::type_size(t);
      return n == 64 ? b : b >> (64 - n);
    }
  }
}

}  // namespace conformance
