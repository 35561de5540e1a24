// Tensor-core instructions. Fragment layouts are those of the PTX ISA.
#include "sim/vector_memory.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

template <bool kTrans>
void exec_ldmatrix(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  alignas(64) uint64_t a[32];
  lane_addresses(w, in.a, in.a_size, in.imm, a);
  const unsigned n = in.vec, rows = 8 * n;
  const uint32_t want = rows == 32 ? ~0u : (1u << rows) - 1;
  if ((w.exec & want) != want) {
    report_at(w, in, Check::kWarpSyncDivergence, w.exec, 0,
              "ldmatrix needs all lanes of the warp, only some execute it.", 719);
    return;
  }
  const uint32_t m = check_shared(w, in, a, want, 16, "ldmatrix read");
  if (c.stats && m) count_shared(w, a, m, 16);
  alignas(64) uint32_t row[32][4];
  if (m != want) __builtin_memset(row, 0, sizeof row);
  const uint32_t me = my_tag(w, false);
  for (uint32_t k = m; k; k &= k - 1) {
    const uint32_t i = uint32_t(__builtin_ctz(k));
    if (c.check_shared && !read_row<4>(c, uint32_t(a[i]) / 4, me + i))
      shared_read_checked(w, in, i, uint32_t(a[i]), 16, false);
    __builtin_memcpy(row[i], c.shared + a[i], 16);
  }
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  for (unsigned k = 0; k < n; ++k) {
    uint32_t* d = reg<uint32_t>(w, slots[k]);
    if constexpr (!kTrans) {
      __builtin_memcpy(d, row[8 * k], 128);  // lane i holds word i % 4 of row i / 4
    } else {
      const uint16_t* e = reinterpret_cast<const uint16_t*>(row[8 * k]);
      for (unsigned i = 0; i < 32; ++i)
        d[i] = uint32_t(e[(2 * (i % 4)) * 8 + i / 4]) | uint32_t(e[(2 * (i % 4) + 1) * 8 + i / 4]) << 16;
    }
  }
  if (c.check_shared) warp_synced(w);
}

template <bool kTrans>
void exec_stmatrix(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  alignas(64) uint64_t a[32];
  lane_addresses(w, in.a, in.a_size, in.imm, a);
  const unsigned n = in.vec, rows = 8 * n;
  if (w.exec != ~0u) {
    report_at(w, in, Check::kWarpSyncDivergence, w.exec, 0,
              "stmatrix needs all lanes of the warp, only some execute it.", 719);
    return;
  }
  const uint32_t m = check_shared(w, in, a, rows == 32 ? ~0u : (1u << rows) - 1, 16, "stmatrix write");
  if (c.stats && m) count_shared(w, a, m, 16);
  alignas(64) uint32_t row[32][4];
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  for (unsigned k = 0; k < n; ++k) {
    const uint32_t* s = reg<uint32_t>(w, slots[k]);
    if constexpr (!kTrans) {
      __builtin_memcpy(row[8 * k], s, 128);  // lane i holds word i % 4 of row i / 4
    } else {
      uint16_t* e = reinterpret_cast<uint16_t*>(row[8 * k]);
      for (unsigned i = 0; i < 32; ++i) {
        e[(2 * (i % 4)) * 8 + i / 4] = uint16_t(s[i]);
        e[(2 * (i % 4) + 1) * 8 + i / 4] = uint16_t(s[i] >> 16);
      }
    }
  }
  const uint32_t me = my_tag(w, false);
  for (uint32_t k = m; k; k &= k - 1) {
    const uint32_t i = uint32_t(__builtin_ctz(k));
    if (c.check_shared && !write_row<4>(c, uint32_t(a[i]) / 4, me + i))
      shared_write_checked(w, in, i, uint32_t(a[i]), 16, false, row[i]);
    __builtin_memcpy(c.shared + a[i], row[i], 16);
  }
}

template <class H>
INLINE float element(uint32_t r, int hi) {
  return H::to_float(uint16_t(hi ? r >> 16 : r));
}

// Fragment registers become a row-major 16 x K matrix A and a K x 8 matrix B of floats.
template <class H, int K>
void exec_mma(Warp& w, const Instr& in) {
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  constexpr int kARegs = K / 4, kBRegs = K / 8;
  const bool half_acc = in.type == Type::kF16;
  const int c_regs = half_acc ? 2 : 4;
  alignas(64) float A[16][K], B[K][8], D[16][8];
  for (int r = 0; r < kARegs; ++r) {
    const uint32_t* a = reg<uint32_t>(w, slots[c_regs + r]);
    alignas(64) float lo[32], hi[32];
    LANES {
      lo[i] = H::to_float(uint16_t(a[i]));
      hi[i] = H::to_float(uint16_t(a[i] >> 16));
    }
    const int row0 = (r & 1) * 8, col0 = (r >> 1) * 8;
    for (int i = 0; i < 32; ++i) {
      float* p = &A[row0 + i / 4][col0 + 2 * (i % 4)];
      p[0] = lo[i];
      p[1] = hi[i];
    }
  }
  for (int r = 0; r < kBRegs; ++r) {
    const uint32_t* b = reg<uint32_t>(w, slots[c_regs + kARegs + r]);
    alignas(64) float lo[32], hi[32];
    LANES {
      lo[i] = H::to_float(uint16_t(b[i]));
      hi[i] = H::to_float(uint16_t(b[i] >> 16));
    }
    for (int i = 0; i < 32; ++i) {
      B[r * 8 + 2 * (i % 4)][i / 4] = lo[i];
      B[r * 8 + 2 * (i % 4) + 1][i / 4] = hi[i];
    }
  }
  const uint32_t* cs = slots + c_regs + kARegs + kBRegs;
  if (half_acc) {
    for (int r = 0; r < 2; ++r) {
      const uint32_t* c = reg<uint32_t>(w, cs[r]);
      for (int i = 0; i < 32; ++i) {
        D[r * 8 + i / 4][2 * (i % 4)] = element<H>(c[i], 0);
        D[r * 8 + i / 4][2 * (i % 4) + 1] = element<H>(c[i], 1);
      }
    }
  } else {
    for (int r = 0; r < 4; ++r) {
      const float* c = reg<float>(w, cs[r]);
      for (int i = 0; i < 32; ++i) D[(r >> 1) * 8 + i / 4][2 * (i % 4) + (r & 1)] = c[i];
    }
  }
  for (int i = 0; i < 16; ++i) {
    float acc[8];
    for (int j = 0; j < 8; ++j) acc[j] = D[i][j];
    for (int k = 0; k < K; ++k)
      for (int j = 0; j < 8; ++j) acc[j] = __builtin_fmaf(A[i][k], B[k][j], acc[j]);
    for (int j = 0; j < 8; ++j) D[i][j] = acc[j];
  }
  if (half_acc) {
    for (int r = 0; r < 2; ++r) {
      uint32_t* d = reg<uint32_t>(w, slots[r]);
      for (int i = 0; i < 32; ++i)
        d[i] = uint32_t(H::from_float(D[r * 8 + i / 4][2 * (i % 4)])) |
               uint32_t(H::from_float(D[r * 8 + i / 4][2 * (i % 4) + 1])) << 16;
    }
  } else {
    for (int r = 0; r < 4; ++r) {
      float* d = reg<float>(w, slots[r]);
      for (int i = 0; i < 32; ++i) d[i] = D[(r >> 1) * 8 + i / 4][2 * (i % 4) + (r & 1)];
    }
  }
}
template <class H, int K>
void exec_mma_checked(Warp& w, const Instr& in) {
  if (w.exec != ~0u) {
    report_at(w, in, Check::kWarpSyncDivergence, w.exec, 0, "mma needs all 32 lanes of the warp, only some execute it.",
              719);
    return;
  }
  ++w.counters->mma;
  exec_mma<H, K>(w, in);
}

template <int K>
void exec_mma_tf32(Warp& w, const Instr& in) {
  if (w.exec != ~0u) {
    report_at(w, in, Check::kWarpSyncDivergence, w.exec, 0, "mma needs all 32 lanes of the warp, only some execute it.",
              719);
    return;
  }
  ++w.counters->mma;
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  constexpr int kARegs = K / 2, kBRegs = K / 4;
  float A[16][K], B[K][8], D[16][8];
  auto tf32 = [](uint32_t b) { return bits_float(b & 0xFFFFE000); };
  for (int r = 0; r < kARegs; ++r)
    for (int i = 0; i < 32; ++i) A[(r & 1) * 8 + i / 4][(r >> 1) * 4 + i % 4] = tf32(reg<uint32_t>(w, slots[4 + r])[i]);
  for (int r = 0; r < kBRegs; ++r)
    for (int i = 0; i < 32; ++i) B[r * 4 + i % 4][i / 4] = tf32(reg<uint32_t>(w, slots[4 + kARegs + r])[i]);
  for (int r = 0; r < 4; ++r)
    for (int i = 0; i < 32; ++i)
      D[(r >> 1) * 8 + i / 4][2 * (i % 4) + (r & 1)] = reg<float>(w, slots[4 + kARegs + kBRegs + r])[i];
  for (int i = 0; i < 16; ++i)
    for (int k = 0; k < K; ++k)
      for (int j = 0; j < 8; ++j) D[i][j] = __builtin_fmaf(A[i][k], B[k][j], D[i][j]);
  for (int r = 0; r < 4; ++r)
    for (int i = 0; i < 32; ++i) reg<float>(w, slots[r])[i] = D[(r >> 1) * 8 + i / 4][2 * (i % 4) + (r & 1)];
}

}  // namespace

ExecFn select_matrix(const Instr& in) {
  if (in.op == Op::kLdmatrix) return in.mods.has(Mod::k_trans) ? &exec_ldmatrix<true> : &exec_ldmatrix<false>;
  if (in.op == Op::kStmatrix) return in.mods.has(Mod::k_trans) ? &exec_stmatrix<true> : &exec_stmatrix<false>;
  const bool k16 = in.mods.has(Mod::k_m16n8k16);
  switch (in.type2) {
    case Type::kF16: return k16 ? &exec_mma_checked<F16, 16> : &exec_mma_checked<F16, 8>;
    case Type::kBF16: return k16 ? &exec_mma_checked<BF16, 16> : &exec_mma_checked<BF16, 8>;
    case Type::kTF32: return in.mods.has(Mod::k_m16n8k8) ? &exec_mma_tf32<8> : &exec_mma_tf32<4>;
    default: return nullptr;
  }
}

}  // namespace CUDASIM_ISA
}  // namespace cudasim
