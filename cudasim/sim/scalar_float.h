// Values and rounding modes of floating point, lane by lane.
#pragma once
#include <cfenv>
#include <cmath>

#include "sim/half.h"
#include "sim/lanes.h"

namespace cudasim {
namespace {  // internal linkage, as in half.h

inline double to_double(Type t, uint64_t bits) {
  switch (t) {
    case Type::kF16: return F16::to_float(uint16_t(bits));
    case Type::kBF16: return BF16::to_float(uint16_t(bits));
    case Type::kF32: return from_bits<float>(bits);
    default: return from_bits<double>(bits);
  }
}
inline uint16_t flush_half(uint16_t h) {
  return h & 0x7C00 ? h : h & 0x8000;
}
inline float flush_float(float f) {
  return std::fpclassify(f) == FP_SUBNORMAL ? std::copysign(0.0f, f) : f;
}

// The rounding mode of an instruction, for as long as this lives.
struct Rounding {
  int old = std::fegetround();
  explicit Rounding(const Instr& in) {
    std::fesetround(in.mods.has(Mod::k_rz)   ? FE_TOWARDZERO
                    : in.mods.has(Mod::k_rm) ? FE_DOWNWARD
                    : in.mods.has(Mod::k_rp) ? FE_UPWARD
                                             : FE_TONEAREST);
  }
  ~Rounding() { std::fesetround(old); }
};

}  // namespace
}  // namespace cudasim
