// Atomic operations and reductions in shared and global memory.
#include "sim/scalar.h"
#include "sim/scalar_float.h"

namespace cudasim {

uint64_t atomic_value(const Instr& in, uint64_t old, uint64_t b, uint64_t c) {
  const ModSet& m = in.mods;
  const unsigned size = type_size(in.type);
  if (m.has(Mod::k_cas)) return old == b ? c : old;
  if (m.has(Mod::k_exch)) return b;
  if (m.has(Mod::k_and_)) return old & b;
  if (m.has(Mod::k_or_)) return old | b;
  if (m.has(Mod::k_xor_)) return old ^ b;
  if (m.has(Mod::k_inc)) return old >= b ? 0 : old + 1;
  if (m.has(Mod::k_dec)) return old == 0 || old > b ? b : old - 1;
  if (m.has(Mod::k_min) || m.has(Mod::k_max)) {
    const bool less = is_signed(in.type) ? sign_extend(b, size) < sign_extend(old, size) : b < old;
    return less == m.has(Mod::k_min) ? b : old;
  }
  auto half = [](bool bf, uint16_t x, uint16_t y) -> uint16_t {
    return bf ? BF16::from_float(BF16::to_float(x) + BF16::to_float(y))
              : F16::from_float(F16::to_float(x) + F16::to_float(y));
  };
  switch (in.type) {
    case Type::kF32: return to_bits(from_bits<float>(old) + from_bits<float>(b));
    case Type::kF64: return to_bits(from_bits<double>(old) + from_bits<double>(b));
    case Type::kF16: return half(false, uint16_t(old), uint16_t(b));
    case Type::kBF16: return half(true, uint16_t(old), uint16_t(b));
    case Type::kF16x2:
    case Type::kBF16x2: {
      const bool bf = in.type == Type::kBF16x2;
      return uint64_t(half(bf, uint16_t(old), uint16_t(b))) | uint64_t(half(bf, uint16_t(old >> 16), uint16_t(b >> 16)))
                                                                  << 16;
    }
    default: return old + b;
  }
}

namespace {

template <class T, class F>
T atomic_update(T* p, bool shared, F f) {
  if (shared) {
    const T old = *p;
    *p = f(old);
    return old;
  }
  T old = __atomic_load_n(p, __ATOMIC_RELAXED);
  T next = f(old);
  while (!__atomic_compare_exchange_n(p, &old, next, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) next = f(old);
  return old;
}

void exec_atomic(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  const unsigned size = type_size(in.type);
  uint64_t a[32] = {};
  uint32_t shared = 0, global = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    a[i] = read_lane(w, in.a, in.a_size, i) + uint64_t(in.imm);
    if (in.a_size == 4) a[i] = uint32_t(a[i]);
    const bool in_shared =
        in.space == Space::kShared || (in.space == Space::kGeneric && (a[i] & kWindowMask) == kSharedWindow);
    if (in_shared) {
      a[i] &= ~kWindowMask;
      shared |= 1u << i;
    } else
      global |= 1u << i;
  });
  if (shared) shared = shared_access_slow(w, in, a, shared, size, "atomic access");
  if (global) global = global_access_slow(w, in, a, global, size, "atomic access");
  if (c.stats && global) count_global_atomic(w, a, global, size);
  if (c.stats && shared) count_shared(w, a, shared, size);
  for_lanes(shared | global, [&](uint32_t i) {
    const bool sh = shared >> i & 1;
    const uint64_t b = read_lane(w, in.b, size, i), cc = in.c ? read_lane(w, in.c, size, i) : 0;
    if (sh && c.check_shared) {
      shared_read_checked(w, in, i, uint32_t(a[i]), size, true);
      shared_write_checked(w, in, i, uint32_t(a[i]), size, true, nullptr);
    }
    uint8_t* p = sh ? c.shared + a[i]
                    : reinterpret_cast<uint8_t*>(
                          a[i] - c.mem_base < (kSlotCount << kSlotShift) ? a[i] + uint64_t(c.mem_shift) : a[i]);
    // Adding in global memory flushes subnormal floats; in shared memory it does not.
    const bool flush = !sh && in.type == Type::kF32 && in.mods.has(Mod::k_add);
    auto flushed = [](uint64_t v) { return to_bits(flush_float(from_bits<float>(v))); };
    auto f = [&](uint64_t old) {
      return flush ? flushed(atomic_value(in, flushed(old), flushed(b), cc)) : atomic_value(in, old, b, cc);
    };
    uint64_t old;
    if (size == 2)
      old = atomic_update(reinterpret_cast<uint16_t*>(p), sh, [&](uint16_t v) { return uint16_t(f(v)); });
    else if (size == 4)
      old = atomic_update(reinterpret_cast<uint32_t*>(p), sh, [&](uint32_t v) { return uint32_t(f(v)); });
    else
      old = atomic_update(reinterpret_cast<uint64_t*>(p), sh, [&](uint64_t v) { return f(v); });
    if (in.op == Op::kAtom) write_lane(w, in.d, in.d_size, i, old);
  });
}

}  // namespace

ExecFn select_atomic(const Instr& in) {
  switch (in.op) {
    case Op::kAtom:
    case Op::kRed: return &exec_atomic;
    default: return nullptr;
  }
}

}  // namespace cudasim
