// Loads, stores and asynchronous copies.
#include "sim/vector_memory.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

template <int W>
__attribute__((noinline)) void shadow_read(Warp& w, const Instr& in, const uint64_t* a, uint32_t m, bool strong) {
  Cta& c = *w.cta;
  const uint32_t me = my_tag(w, strong);
  if constexpr (W >= 4) {
    if (m == ~0u && contiguous(a, W) && read_block<W / 4>(c, uint32_t(a[0]) / 4, me)) return;
  }
  for (uint32_t k = m; k; k &= k - 1) {
    const uint32_t i = uint32_t(__builtin_ctz(k));
    if constexpr (W >= 4) {
      if (read_row<W / 4>(c, uint32_t(a[i]) / 4, me + i)) continue;
    }
    shared_read_checked(w, in, i, uint32_t(a[i]), W, strong);
  }
}
template <int W>
__attribute__((noinline)) void shadow_write(Warp& w, const Instr& in, const uint64_t* a, uint32_t m, bool strong,
                                            const uint8_t* values) {
  Cta& c = *w.cta;
  const uint32_t me = my_tag(w, strong);
  if constexpr (W >= 4) {
    if (m == ~0u && contiguous(a, W) && write_block<W / 4>(c, uint32_t(a[0]) / 4, me)) return;
  }
  for (uint32_t k = m; k; k &= k - 1) {
    const uint32_t i = uint32_t(__builtin_ctz(k));
    if constexpr (W >= 4) {
      if (write_row<W / 4>(c, uint32_t(a[i]) / 4, me + i)) {
        __builtin_memcpy(c.shared + a[i], values + i * W, W);
        continue;
      }
    }
    shared_write_checked(w, in, i, uint32_t(a[i]), W, strong, values + i * W);
    __builtin_memcpy(c.shared + a[i], values + i * W, W);
  }
}

// ---- Moving lane values between registers and a packed array of W bytes per lane.
template <int W>
__attribute__((noinline)) void scatter_to_registers(Warp& w, const Instr& in, const uint8_t* data, uint32_t m) {
  const unsigned n = in.vec;
  const uint32_t* slots = n > 1 ? w.fn->slots.data() + in.aux : &in.d;
  const unsigned es = unsigned(W) / n;
  const bool sign = is_signed(in.type);
  for (unsigned k = 0; k < n; ++k) {
    uint8_t* d = w.regs + slots[k];
    const uint8_t* p = data + es * k;
#define MOVE(E, D)                               \
  {                                              \
    D* dd = reinterpret_cast<D*>(d);             \
    D t[32];                                     \
    for (int i = 0; i < 32; ++i) {               \
      E v;                                       \
      __builtin_memcpy(&v, p + i * W, sizeof v); \
      t[i] = D(v);                               \
    }                                            \
    merge(dd, t, m);                             \
  }
#define BY_DEST(U, S)                                           \
  switch (in.d_size) {                                          \
    case 1: MOVE(U, uint8_t) break;                             \
    case 2:                                                     \
      if (sign) MOVE(S, uint16_t) else MOVE(U, uint16_t) break; \
    case 4:                                                     \
      if (sign) MOVE(S, uint32_t) else MOVE(U, uint32_t) break; \
    default:                                                    \
      if (sign) MOVE(S, uint64_t) else MOVE(U, uint64_t) break; \
  }
    switch (es) {
      case 1: BY_DEST(uint8_t, int8_t) break;
      case 2: BY_DEST(uint16_t, int16_t) break;
      case 4: BY_DEST(uint32_t, int32_t) break;
      default: MOVE(uint64_t, uint64_t) break;
    }
#undef BY_DEST
#undef MOVE
  }
}
template <int W>
__attribute__((noinline)) void gather_from_registers(Warp& w, const Instr& in, uint8_t* data) {
  const unsigned n = in.vec;
  const uint32_t* slots = n > 1 ? w.fn->slots.data() + in.aux : &in.b;
  const unsigned es = unsigned(W) / n, rs = in.b_size;
  for (unsigned k = 0; k < n; ++k) {
    const uint8_t* s = w.regs + slots[k];
    uint8_t* p = data + es * k;
    switch (es) {
      case 1:
        for (int i = 0; i < 32; ++i) p[i * W] = s[unsigned(i) * rs];
        break;
      case 2:
        for (int i = 0; i < 32; ++i) __builtin_memcpy(p + i * W, s + unsigned(i) * rs, 2);
        break;
      case 4:
        for (int i = 0; i < 32; ++i) __builtin_memcpy(p + i * W, s + unsigned(i) * rs, 4);
        break;
      default:
        for (int i = 0; i < 32; ++i) __builtin_memcpy(p + i * W, s + unsigned(i) * rs, 8);
        break;
    }
  }
}

INLINE bool strong_access(const Instr& in) {
  return in.mods.has(Mod::k_volatile_) || in.mods.has(Mod::k_relaxed) || in.mods.has(Mod::k_acquire) ||
         in.mods.has(Mod::k_release) || in.mods.has(Mod::k_acq_rel) || in.mods.has(Mod::k_mmio);
}

template <int W>
__attribute__((noinline)) void load_global(Warp& w, const Instr& in, const uint64_t* a, uint32_t m) {
  Cta& c = *w.cta;
  m = check_global(w, in, a, m, W, "read");
  if (!m) return;
  if (c.stats) count_global(w, a, m, W, false);
  alignas(64) uint8_t data[32 * W];
  if (m == ~0u && contiguous(a, W)) {
    const uint8_t* p = host_pointer(c, a[0]);
    if (in.vec == 1 && in.d_size == W) {
      __builtin_memcpy(w.regs + in.d, p, 32 * W);
      return;
    }
    scatter_to_registers<W>(w, in, p, m);
    return;
  }
  for (uint32_t k = m; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    __builtin_memcpy(data + i * W, host_pointer(c, a[i]), W);
  }
  scatter_to_registers<W>(w, in, data, m);
}
template <int W>
__attribute__((noinline)) void store_global(Warp& w, const Instr& in, const uint64_t* a, uint32_t m) {
  Cta& c = *w.cta;
  m = check_global(w, in, a, m, W, "write");
  if (!m) return;
  if (c.stats) count_global(w, a, m, W, true);
  if (m == ~0u && in.vec == 1 && in.b_size == W && contiguous(a, W)) {
    __builtin_memcpy(host_pointer(c, a[0]), w.regs + in.b, 32 * W);
    return;
  }
  alignas(64) uint8_t data[32 * W];
  gather_from_registers<W>(w, in, data);
  for (uint32_t k = m; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    __builtin_memcpy(host_pointer(c, a[i]), data + i * W, W);
  }
}
template <int W>
__attribute__((noinline)) void load_shared(Warp& w, const Instr& in, const uint64_t* a, uint32_t m) {
  Cta& c = *w.cta;
  m = check_shared(w, in, a, m, W, "read");
  if (!m) return;
  if (c.stats) count_shared(w, a, m, W);
  if (c.check_shared) shadow_read<W>(w, in, a, m, strong_access(in));
  if (m == ~0u && in.vec == 1 && in.d_size == W && contiguous(a, W)) {
    __builtin_memcpy(w.regs + in.d, c.shared + a[0], 32 * W);
    return;
  }
  alignas(64) uint8_t data[32 * W];
  for (uint32_t k = m; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    __builtin_memcpy(data + i * W, c.shared + a[i], W);
  }
  scatter_to_registers<W>(w, in, data, m);
}
template <int W>
__attribute__((noinline)) void store_shared(Warp& w, const Instr& in, const uint64_t* a, uint32_t m) {
  Cta& c = *w.cta;
  m = check_shared(w, in, a, m, W, "write");
  if (!m) return;
  if (c.stats) count_shared(w, a, m, W);
  alignas(64) uint8_t data[32 * W];
  gather_from_registers<W>(w, in, data);
  if (c.check_shared) {
    if (m == ~0u && W >= 4 && contiguous(a, W)) {
      if constexpr (W >= 4)
        if (write_block<W / 4>(c, uint32_t(a[0]) / 4, my_tag(w, strong_access(in)))) {
          __builtin_memcpy(c.shared + a[0], data, 32 * W);
          return;
        }
    }
    shadow_write<W>(w, in, a, m, strong_access(in), data);  // writes as it checks, so that equal values can be seen
    return;
  }
  if (m == ~0u && contiguous(a, W)) {
    __builtin_memcpy(c.shared + a[0], data, 32 * W);
    return;
  }
  for (uint32_t k = m; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    __builtin_memcpy(c.shared + a[i], data + i * W, W);
  }
}
template <int W, bool kStore>
__attribute__((noinline)) void access_local(Warp& w, const Instr& in, const uint64_t* a, uint32_t m) {
  const uint64_t limit = uint64_t(w.local_stride) - W;
  uint64_t bad = limit;
  for (int i = 0; i < 32; ++i)
    if (m >> i & 1) bad |= a[i] | (limit - a[i]) | ((a[i] & (W - 1)) ? 1ull << 63 : 0);
  if (bad >> 63) m = local_access_slow(w, in, a, m, W, kStore ? "write" : "read");
  alignas(64) uint8_t data[32 * W];
  if constexpr (kStore) gather_from_registers<W>(w, in, data);
  for (uint32_t k = m; k; k &= k - 1) {
    const uint32_t i = uint32_t(__builtin_ctz(k));
    uint8_t* p = w.local + size_t(i) * w.local_stride + a[i];
    if constexpr (kStore)
      __builtin_memcpy(p, data + i * W, W);
    else
      __builtin_memcpy(data + i * W, p, W);
  }
  if constexpr (!kStore) scatter_to_registers<W>(w, in, data, m);
}
template <int W>
__attribute__((noinline)) void load_param(Warp& w, const Instr& in, const uint64_t* a, uint32_t m) {
  const std::vector<uint8_t>& p = w.cta->launch->params;
  alignas(64) uint8_t data[32 * W];
  for (uint32_t k = m; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    if (a[i] + W > p.size()) {
      report_at(w, in, Check::kOutOfBounds, 1u << i, a[i],
                "a read of " + std::to_string(W) + " bytes lies outside of the kernel's parameters.", 700);
      m &= ~(1u << i);
      continue;
    }
    __builtin_memcpy(data + i * W, p.data() + a[i], W);
  }
  scatter_to_registers<W>(w, in, data, m);
}

template <int W, bool kStore, Space kSpace>
void exec_access(Warp& w, const Instr& in) {
  alignas(64) uint64_t a[32];
  lane_addresses(w, in.a, in.a_size, in.imm, a);
  uint32_t m = w.exec;
  if constexpr (kSpace == Space::kGlobal || kSpace == Space::kConst) {
    if constexpr (kStore)
      store_global<W>(w, in, a, m);
    else
      load_global<W>(w, in, a, m);
  } else if constexpr (kSpace == Space::kShared) {
    if constexpr (kStore)
      store_shared<W>(w, in, a, m);
    else
      load_shared<W>(w, in, a, m);
  } else if constexpr (kSpace == Space::kLocal) {
    access_local<W, kStore>(w, in, a, m);
  } else if constexpr (kSpace == Space::kParam) {
    load_param<W>(w, in, a, m);
  } else {  // generic: each lane's window decides
    uint32_t shared = 0, local = 0, param = 0;
    for (uint32_t k = m; k; k &= k - 1) {
      const int i = __builtin_ctz(k);
      const uint64_t window = a[i] & kWindowMask;
      if (window == 0) continue;
      if (window == kSharedWindow)
        shared |= 1u << i;
      else if (window == kLocalWindow)
        local |= 1u << i;
      else if (window == kParamWindow)
        param |= 1u << i;
    }
    const uint32_t global = m & ~(shared | local | param);
    if (global) {
      if constexpr (kStore)
        store_global<W>(w, in, a, global);
      else
        load_global<W>(w, in, a, global);
    }
    if (shared | local | param) {
      LANES a[i] &= ~kWindowMask;
      if (shared) {
        if constexpr (kStore)
          store_shared<W>(w, in, a, shared);
        else
          load_shared<W>(w, in, a, shared);
      }
      if (local) access_local<W, kStore>(w, in, a, local);
      if constexpr (!kStore) {
        if (param) load_param<W>(w, in, a, param);
      }
    }
  }
}
template <int W, bool kStore>
ExecFn select_space(Space s) {
  switch (s) {
    case Space::kGlobal:
    case Space::kConst: return &exec_access<W, kStore, Space::kGlobal>;
    case Space::kShared: return &exec_access<W, kStore, Space::kShared>;
    case Space::kLocal: return &exec_access<W, kStore, Space::kLocal>;
    case Space::kParam:
      if constexpr (kStore)
        return nullptr;
      else
        return &exec_access<W, false, Space::kParam>;
    case Space::kGeneric: return &exec_access<W, kStore, Space::kGeneric>;
  }
  return nullptr;
}

void exec_cp_async(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  alignas(64) uint64_t dst[32], src[32];
  lane_addresses(w, in.a, in.a_size, in.imm, dst);
  lane_addresses(w, in.b, in.b_size, in.imm2, src);
  const uint32_t size = in.vec;
  uint32_t m = check_shared(w, in, dst, w.exec, size, "asynchronous write");
  w.copies.emplace_back();
  AsyncCopy& copy = w.copies.back();
  const uint32_t* n = in.c ? reg<uint32_t>(w, in.c) : nullptr;
  uint32_t reading = 0;
  for (int i = 0; i < 32; ++i) {
    copy.bytes[i] = n ? (n[i] < size ? n[i] : size) : size;
    if ((m >> i & 1) && copy.bytes[i]) reading |= 1u << i;
    copy.dst[i] = uint32_t(dst[i]);
    copy.src[i] = src[i];
    copy.group[i] = w.group_now[i];
  }
  // A partial source need not be in bounds beyond its bytes, but it starts aligned.
  uint32_t full = 0;
  for (int i = 0; i < 32; ++i)
    if ((reading >> i & 1) && copy.bytes[i] == size) full |= 1u << i;
  if (full) m &= ~full | check_global(w, in, src, full, size, "asynchronous read");
  for (uint32_t k = reading & ~full; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    if (!global_access_slow(w, in, src, 1u << i, copy.bytes[i], "asynchronous read")) m &= ~(1u << i);
  }
  if (c.stats) {
    if (reading & m) count_global(w, src, reading & m, size, false);
    if (m) count_shared(w, dst, m, size);
  }
  copy.mask = m;
  copy.size = size;
  copy.instr = &in;
  if (c.check_shared) {
    const uint32_t me = my_tag(w, false);
    for (uint32_t k = m; k; k &= k - 1) {
      const uint32_t i = uint32_t(__builtin_ctz(k));
      const uint32_t word = copy.dst[i] / 4;
      bool ok = size == 16  ? write_row<4>(c, word, me + i)
                : size == 8 ? write_row<2>(c, word, me + i)
                            : write_row<1>(c, word, me + i);
      if (!ok) shared_write_checked(w, in, i, copy.dst[i], size, false, nullptr);
      for (uint32_t j = 0; j < size / 4; ++j) c.shadow.state[word + j] |= kPending;
    }
  }
  if (!c.late_copies) {
    // Early: the bytes are there at once, only the shadow still knows that they need a wait.
    for (uint32_t k = m; k; k &= k - 1) {
      const int i = __builtin_ctz(k);
      uint8_t* to = c.shared + copy.dst[i];
      if (copy.bytes[i]) __builtin_memcpy(to, host_pointer(c, copy.src[i]), copy.bytes[i]);
      __builtin_memset(to + copy.bytes[i], 0, size - copy.bytes[i]);
    }
  }
  if (!m) w.copies.pop_back();
}

}  // namespace

ExecFn select_memory(const Instr& in) {
  if (in.op == Op::kCpAsync) return &exec_cp_async;
  const bool st = in.op == Op::kSt;
  switch (type_size(in.type) * in.vec) {
    case 1: return st ? select_space<1, true>(in.space) : select_space<1, false>(in.space);
    case 2: return st ? select_space<2, true>(in.space) : select_space<2, false>(in.space);
    case 4: return st ? select_space<4, true>(in.space) : select_space<4, false>(in.space);
    case 8: return st ? select_space<8, true>(in.space) : select_space<8, false>(in.space);
    case 16: return st ? select_space<16, true>(in.space) : select_space<16, false>(in.space);
    default: return nullptr;
  }
}

}  // namespace CUDASIM_ISA
}  // namespace cudasim
