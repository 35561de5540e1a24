// wgmma.mma_async of one warp: its 16 of the 64 rows of A, all of B. Layouts are those of the PTX ISA.
#include "sim/vector.h"
#include "sim/warpgroup.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

constexpr int kMostColumns = 256;

template <class H>
void multiply(Cta& c, const Product& p) {
  const Instr& in = *p.instr;
  const unsigned columns = in.vec * 2u;
  alignas(64) static thread_local float A[16][16], B[16][kMostColumns], D[16][kMostColumns];
  const Descriptor a(p.a), b(p.b);
  const float sign = in.imm & 1 ? -1.0f : 1.0f;
  for (unsigned half = 0; half < 2; ++half) {
    for (unsigned row = 0; row < 16; ++row) {
      uint16_t unit[8];
      __builtin_memcpy(unit, c.shared + a.unit(p.row + row, half), 16);
      for (unsigned k = 0; k < 8; ++k) A[row][half * 8 + k] = sign * H::to_float(unit[k]);
    }
    for (unsigned column = 0; column < columns; ++column) {
      uint16_t unit[8];
      __builtin_memcpy(unit, c.shared + b.unit(column, half), 16);
      for (unsigned k = 0; k < 8; ++k) B[half * 8 + k][column] = H::to_float(unit[k]);
    }
  }
  const uint32_t* slots = p.frame->fn->slots.data() + in.aux;
  // Register r of lane i: row i / 4, and 8 below for odd r / 2; columns 8 (r / 4) + 2 (i % 4) + r % 2.
  for (unsigned r = 0; r < in.vec; ++r) {
    const float* d = reinterpret_cast<const float*>(p.frame->regs + slots[r]);
    for (unsigned i = 0; i < 32; ++i) {
      float& to = D[r / 2 % 2 * 8 + i / 4][r / 4 * 8 + i % 4 * 2 + r % 2];
      to = p.accumulate ? d[i] : 0.0f;
    }
  }
  for (unsigned row = 0; row < 16; ++row) {
    float* acc = D[row];
    for (unsigned k = 0; k < 16; ++k) {
      const float x = A[row][k];
      const float* y = B[k];
      for (unsigned j = 0; j < columns; ++j) acc[j] = __builtin_fmaf(x, y[j], acc[j]);
    }
  }
  for (unsigned r = 0; r < in.vec; ++r) {
    float* d = reinterpret_cast<float*>(p.frame->regs + slots[r]);
    for (unsigned i = 0; i < 32; ++i) d[i] = D[r / 2 % 2 * 8 + i / 4][r / 4 * 8 + i % 4 * 2 + r % 2];
  }
}

template <class H>
void exec_wgmma(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  Product p;
  p.instr = &in;
  p.frame = w.frame;
  p.a = reg<uint64_t>(w, in.a)[0];
  p.b = reg<uint64_t>(w, in.b)[0];
  p.accumulate = ((pred(w, in.c) ^ (in.neg_pred ? ~0u : 0u)) & 1) != 0;
  p.row = w.index % 4 * 16;
  p.multiply = &multiply<H>;
  if (!warpgroup_step(w, in, p.a, p.b, p.accumulate)) return;
  const uint32_t columns = in.vec * 2u;
  if (!check_descriptor(w, in, p.a, 64, "A") || !check_descriptor(w, in, p.b, columns, "B")) return;
  if (!w.wgmma_fenced && c.check_sync) {
    report_at(
        w, in, Check::kMissingFence, w.exec, 0,
        "registers of the accumulator may have been touched since the last wgmma.fence; one must come before this "
        "product.");
    w.wgmma_fenced = true;  // once
  }
  const Descriptor a(p.a), b(p.b);
  for (uint32_t half = 0; half < 2; ++half) {
    for (uint32_t row = 0; row < 16; ++row) proxy_read_begins(w, in, 0, a.unit(p.row + row, half));
    for (uint32_t row = 0; row < columns; ++row) proxy_read_begins(w, in, 0, b.unit(row, half));
  }
  w.counters->mma += columns / 8;
  p.group = w.product_group;
  p.issued = c.now;
  if (++c.now > kTagMaxTime) renormalise_shadow(c);
  if (!c.late_copies) p.multiply(c, p);
  w.products.push_back(p);
  watch_accumulator(w, in);
}

}  // namespace

ExecFn select_wgmma(const Instr& in) {
  return in.type2 == Type::kF16 ? &exec_wgmma<F16> : &exec_wgmma<BF16>;
}

}  // namespace CUDASIM_ISA
}  // namespace cudasim
