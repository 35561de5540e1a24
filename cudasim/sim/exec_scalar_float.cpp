// Floating-point arithmetic that the vector files leave out: directed rounding, rare functions and modifiers.
#include <cmath>

#include "sim/scalar.h"
#include "sim/scalar_float.h"

namespace cudasim {

namespace {

template <class T>
T directed(const Instr& in, T a, T b, T c) {
  volatile T x = a, y = b, z = c, r;
  switch (in.op) {
    case Op::kAdd: r = x + y; break;
    case Op::kSub: r = x - y; break;
    case Op::kMul: r = x * y; break;
    case Op::kDiv: r = x / y; break;
    case Op::kFma: r = std::fma(x, y, z); break;
    case Op::kRcp: r = T(1) / x; break;
    case Op::kSqrt: r = std::sqrt(x); break;
    default: r = T(0);
  }
  return r;
}

template <class T>
T canonical_nan() {
  return from_bits<T>(~0ull >> (65 - 8 * sizeof(T)));
}

template <class T>
T min_max(const Instr& in, T a, T b) {
  const bool is_min = in.op == Op::kMin;
  T x = a, y = b;
  if (in.mods.has(Mod::k_abs)) {
    x = std::fabs(x);
    y = std::fabs(y);
  }
  if (std::isnan(x) || std::isnan(y)) {
    if (in.mods.has(Mod::k_NaN) || (std::isnan(x) && std::isnan(y))) return canonical_nan<T>();
    x = std::isnan(x) ? y : x;
    y = x;
  }
  T r;
  if (x == y)
    r = (std::signbit(x) == is_min) ? x : y;
  else
    r = ((x < y) == is_min) ? x : y;
  if (in.mods.has(Mod::k_xorsign)) r = std::copysign(r, std::signbit(a) != std::signbit(b) ? T(-1) : T(1));
  return r;
}

template <class T>
T special_function(const Instr& in, T a, T b, T c) {
  switch (in.op) {
    case Op::kMin:
    case Op::kMax: return min_max(in, a, b);
    case Op::kCopysign: return std::copysign(b, a);
    case Op::kSin: return std::sin(a);
    case Op::kCos: return std::cos(a);
    case Op::kLg2: return std::log2(a);
    case Op::kTanh: return std::tanh(a);
    case Op::kEx2: return std::exp2(a);
    default: return directed(in, a, b, c);
  }
}

void exec_float_scalar(Warp& w, const Instr& in) {
  const Rounding rounding(in);
  const bool ftz = in.mods.has(Mod::k_ftz), sat = in.mods.has(Mod::k_sat);
  for_lanes(w.exec, [&](uint32_t i) {
    if (in.type == Type::kF64) {
      const double r = special_function(in, from_bits<double>(read_lane(w, in.a, 8, i)),
                                        in.b ? from_bits<double>(read_lane(w, in.b, 8, i)) : 0.0,
                                        in.c ? from_bits<double>(read_lane(w, in.c, 8, i)) : 0.0);
      write_lane(w, in.d, 8, i, to_bits(r));
      return;
    }
    float x[3] = {0, 0, 0};
    const uint32_t slots[3] = {in.a, in.b, in.c};
    for (int k = 0; k < 3; ++k)
      if (slots[k]) {
        x[k] = from_bits<float>(read_lane(w, slots[k], 4, i));
        if (ftz) x[k] = flush_float(x[k]);
      }
    float r = special_function(in, x[0], x[1], x[2]);
    if (ftz) r = flush_float(r);
    if (sat) r = r > 0 ? std::fmin(r, 1.0f) : 0.0f;
    write_lane(w, in.d, 4, i, to_bits(r));
  });
}

uint16_t half_scalar(const Instr& in, bool bf, uint16_t a, uint16_t b) {
  const bool ftz = in.mods.has(Mod::k_ftz) && !bf;
  if (ftz) {
    a = flush_half(a);
    b = flush_half(b);
  }
  const float x = bf ? BF16::to_float(a) : F16::to_float(a), y = bf ? BF16::to_float(b) : F16::to_float(b);
  const float r = special_function(in, x, y, 0.0f);
  return bf ? BF16::from_float(r) : F16::from_float(r);
}
void exec_half_scalar(Warp& w, const Instr& in) {
  const bool bf = in.type == Type::kBF16 || in.type == Type::kBF16x2, two = type_size(in.type) == 4;
  for_lanes(w.exec, [&](uint32_t i) {
    const unsigned size = two ? 4 : 2;
    const uint64_t a = read_lane(w, in.a, size, i), b = in.b ? read_lane(w, in.b, size, i) : 0;
    uint64_t r = half_scalar(in, bf, uint16_t(a), uint16_t(b));
    if (two) r |= uint64_t(half_scalar(in, bf, uint16_t(a >> 16), uint16_t(b >> 16))) << 16;
    write_lane(w, in.d, size, i, r);
  });
}

void exec_testp(Warp& w, const Instr& in) {
  uint32_t r = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    const uint64_t bits = read_lane(w, in.a, in.a_size, i);
    const int k =
        in.type == Type::kF32 ? std::fpclassify(from_bits<float>(bits)) : std::fpclassify(from_bits<double>(bits));
    const ModSet& m = in.mods;
    const bool v = m.has(Mod::k_finite)       ? k != FP_NAN && k != FP_INFINITE
                   : m.has(Mod::k_infinite)   ? k == FP_INFINITE
                   : m.has(Mod::k_number)     ? k != FP_NAN
                   : m.has(Mod::k_notanumber) ? k == FP_NAN
                   : m.has(Mod::k_normal)     ? k == FP_NORMAL || k == FP_ZERO
                                              : k == FP_SUBNORMAL;
    r |= uint32_t(v) << i;
  });
  set_pred(w, in.d, r);
}

}  // namespace

ExecFn select_scalar_float(const Instr& in) {
  const bool single_or_double = in.type == Type::kF32 || in.type == Type::kF64;
  switch (in.op) {
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
    case Op::kDiv:
    case Op::kFma:
    case Op::kRcp:
    case Op::kSqrt: return single_or_double ? &exec_float_scalar : nullptr;
    case Op::kMin:
    case Op::kMax:
    case Op::kCopysign:
    case Op::kSin:
    case Op::kCos:
    case Op::kLg2:
    case Op::kTanh:
    case Op::kEx2: return single_or_double ? &exec_float_scalar : is_float(in.type) ? &exec_half_scalar : nullptr;
    case Op::kTestp: return &exec_testp;
    default: return nullptr;
  }
}

}  // namespace cudasim
