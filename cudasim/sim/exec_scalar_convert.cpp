// Conversions in general.
#include <cmath>

#include "sim/scalar.h"
#include "sim/scalar_float.h"

namespace cudasim {

namespace {

void exec_cvt(Warp& w, const Instr& in) {
  const Type d = in.type, s = in.type2;
  const ModSet& m = in.mods;
  const bool sat = m.has(Mod::k_sat), ftz = m.has(Mod::k_ftz);
  const unsigned ss = type_size(s), ds = type_size(d);
  const bool wide_dest = in.d_size > ds;
  auto round = [&](double x) {
    if (m.has(Mod::k_rzi)) return std::trunc(x);
    if (m.has(Mod::k_rmi)) return std::floor(x);
    if (m.has(Mod::k_rpi)) return std::ceil(x);
    return std::nearbyint(x);
  };
  const bool integral = m.has(Mod::k_rni) || m.has(Mod::k_rzi) || m.has(Mod::k_rmi) || m.has(Mod::k_rpi);
  for_lanes(w.exec, [&](uint32_t i) {
    uint64_t raw = read_lane(w, in.a, in.a_size, i);
    if (ss < 8) raw &= (1ull << (8 * ss)) - 1;
    uint64_t r = 0;
    if (d == Type::kTF32) {
      const uint32_t b = uint32_t(raw);
      r = (b & 0x7F800000) == 0x7F800000 ? b : (b + 0x1000) & 0xFFFFE000;
    } else if (!is_float(s) && !is_float(d)) {
      const int64_t v = is_signed(s) ? sign_extend(raw, ss) : int64_t(raw);
      r = uint64_t(v);
      if (sat) {
        Wide128 x = is_signed(s) ? static_cast<Wide128>(v) : static_cast<Wide128>(raw);
        const Wide128 lo = is_signed(d) ? -(static_cast<Wide128>(1) << (8 * ds - 1)) : 0;
        const Wide128 hi = (static_cast<Wide128>(1) << (is_signed(d) ? 8 * ds - 1 : 8 * ds)) - 1;
        r = uint64_t(x < lo ? lo : x > hi ? hi : x);
      }
    } else if (is_float(s) && !is_float(d)) {
      double x = to_double(s, raw);
      if (ftz && s == Type::kF32) x = flush_float(float(x));
      const double lo = is_signed(d) ? -std::ldexp(1.0, int(8 * ds - 1)) : 0.0;
      const double hi = std::ldexp(1.0, int(is_signed(d) ? 8 * ds - 1 : 8 * ds));
      if (std::isnan(x))
        r = s == Type::kF64 || ds == 8 ? 1ull << (8 * ds - 1) : 0;
      else {
        x = round(x);
        if (x <= lo)
          r = is_signed(d) ? uint64_t(-1) << (8 * ds - 1) : 0;
        else if (x >= hi)
          r = is_signed(d) ? (1ull << (8 * ds - 1)) - 1 : ds == 8 ? ~0ull : (1ull << (8 * ds)) - 1;
        else
          r = is_signed(d) ? uint64_t(int64_t(x)) : uint64_t(x);
      }
    } else {
      const Rounding rounding(in);
      volatile double x;
      bool exact_in_double = true;
      volatile float direct = 0;
      if (is_float(s)) {
        double v = to_double(s, raw);
        if (ftz && s == Type::kF32) v = flush_float(float(v));
        if (integral) v = round(v);
        x = v;
      } else {
        exact_in_double = ss < 8;
        if (is_signed(s)) {
          const int64_t v = sign_extend(raw, ss);
          x = double(v);
          direct = float(v);
        } else {
          x = double(raw);
          direct = float(raw);
        }
      }
      if (d == Type::kF64) {
        double g = x;
        if (sat) g = g > 0 ? std::fmin(g, 1.0) : 0.0;
        r = to_bits(g);
      } else if (d == Type::kF32) {
        volatile float f = exact_in_double ? float(x) : direct;
        float g = f;
        if (ftz) g = flush_float(g);
        if (sat) g = g > 0 ? std::fmin(g, 1.0f) : 0.0f;
        r = to_bits(g);
      } else {
        double y = x;
        if (sat) y = y > 0 ? std::fmin(y, 1.0) : 0.0;
        if (m.has(Mod::k_relu) && y < 0) y = 0;
        const bool bf = d == Type::kBF16;
        const float odd = round_odd(y);
        uint16_t h = bf ? BF16::from_float(odd) : F16::from_float(odd);
        if (m.has(Mod::k_rz) || m.has(Mod::k_rm) || m.has(Mod::k_rp)) {
          // Step to the neighbour on the wanted side when rounding to nearest went to the other one.
          const double back = bf ? BF16::to_float(h) : F16::to_float(h);
          const bool up = m.has(Mod::k_rp) || (m.has(Mod::k_rz) && y < 0),
                     down = m.has(Mod::k_rm) || (m.has(Mod::k_rz) && y > 0);
          if (up && back < y) h = h == 0x8000 ? 0x0001 : (h & 0x8000) ? uint16_t(h - 1) : uint16_t(h + 1);
          if (down && back > y) h = h == 0x0000 ? 0x8001 : (h & 0x8000) ? uint16_t(h + 1) : uint16_t(h - 1);
        }
        r = h;
      }
    }
    if (ds < 8) {
      r &= (1ull << (8 * ds)) - 1;
      if (wide_dest && is_signed(d)) r = uint64_t(sign_extend(r, ds));
    }
    write_lane(w, in.d, in.d_size, i, r);
  });
}
// Conversions that lose bits must say how.
bool lacks_rounding(const Instr& in) {
  const ModSet& m = in.mods;
  const bool direct = m.has(Mod::k_rn) || m.has(Mod::k_rz) || m.has(Mod::k_rm) || m.has(Mod::k_rp) || m.has(Mod::k_rna);
  const bool integral = m.has(Mod::k_rni) || m.has(Mod::k_rzi) || m.has(Mod::k_rmi) || m.has(Mod::k_rpi);
  const Type d = in.type, s = in.type2;
  if (is_float(s) && !is_float(d)) return !integral;
  if (!is_float(s) && is_float(d)) return !direct;
  return is_float(s) && type_size(d) < type_size(s) && !direct;
}
void exec_pack2_rz(Warp& w, const Instr& in) {
  const bool bf = in.type == Type::kBF16x2;
  auto one = [&](float f) -> uint32_t {
    if (in.mods.has(Mod::k_relu) && f < 0) f = 0;
    uint16_t h = bf ? BF16::from_float(f) : F16::from_float(f);
    const float back = bf ? BF16::to_float(h) : F16::to_float(h);
    if (std::fabs(back) > std::fabs(f)) --h;
    return h;
  };
  for_lanes(w.exec, [&](uint32_t i) {
    reg<uint32_t>(w, in.d)[i] = one(reg<float>(w, in.a)[i]) << 16 | one(reg<float>(w, in.b)[i]);
  });
}

}  // namespace

ExecFn select_scalar_convert(const Instr& in) {
  switch (in.op) {
    case Op::kCvt: return lacks_rounding(in) ? nullptr : &exec_cvt;
    case Op::kCvtPack2: return &exec_pack2_rz;
    default: return nullptr;
  }
}

}  // namespace cudasim
