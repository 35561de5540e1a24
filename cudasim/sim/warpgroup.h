// What warpgroups (four warps) do together: wgmma and setmaxnreg.
#pragma once
#include "sim/warp.h"

namespace cudasim {

ExecFn select_warpgroup(const Instr& in);

// The warp's next step in its warpgroup; a difference from what the other warps did is reported. False: all lanes of
// the warp must take part and do not, or the warpgroup is not whole.
bool warpgroup_step(Warp& w, const Instr& in, uint64_t a, uint64_t b, bool accumulate);

void begin_warpgroups(Cta& c);
void finish_warpgroups(Cta& c);  // the block has ended

// From now on, instructions that touch the registers of this wgmma's accumulator are looked for.
void watch_accumulator(Warp& w, const Instr& in);
void check_accumulators(Warp& w, const Instr& in);

// A matrix descriptor: rows of 64 halves along k in the 128-byte swizzle, eight of them in 1024 bytes. What it points
// to follows from its fields and address bits.
struct Descriptor {
  uint32_t start, stride;
  explicit Descriptor(uint64_t bits)
      : start(uint32_t(bits & 0x3fff) << 4), stride(uint32_t(bits >> 32 & 0x3fff) << 4) {}
  // The offset of 16 bytes: half 0 or 1 of the 16 columns that one instruction multiplies.
  uint32_t unit(uint32_t row, uint32_t half) const {
    return swizzle_128(start + row / 8 * stride + row % 8 * 128 + half * 16);
  }
};
bool check_descriptor(Warp& w, const Instr& in, uint64_t bits, uint32_t rows, const char* name);

}  // namespace cudasim
