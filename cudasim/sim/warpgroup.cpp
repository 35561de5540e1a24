// wgmma's groups and fences, and the registers that warpgroups pass to each other.
//
// A warp multiplies its 16 rows by itself, at the instruction or, late, at the wait. Until then its accumulator must
// not be touched, and shared memory that the product reads must not be written.
#include "sim/warpgroup.h"

#include <algorithm>
#include <string>

#include "sim/control.h"
#include "sim/lanes.h"

namespace cudasim {

namespace {

void end_product(Warp& w, const Product& p) {
  Cta& c = *w.cta;
  const uint32_t rows = unsigned(p.instr->vec) * 2;
  Function* fn = w.fn;
  w.fn = p.frame->fn;
  const Descriptor a(p.a), b(p.b);
  for (uint32_t half = 0; half < 2; ++half) {
    for (uint32_t row = 0; row < 16; ++row) proxy_read_ends(w, *p.instr, 0, a.unit(p.row + row, half), p.issued);
    for (uint32_t row = 0; row < rows; ++row) proxy_read_ends(w, *p.instr, 0, b.unit(row, half), p.issued);
  }
  w.fn = fn;
  if (c.late_copies) p.multiply(c, p);
}

void exec_fence(Warp& w, const Instr& in) {
  if (!warpgroup_step(w, in, 0, 0, false)) return;
  w.wgmma_fenced = true;
}

void exec_commit(Warp& w, const Instr& in) {
  if (!warpgroup_step(w, in, 0, 0, false)) return;
  ++w.product_group;
}

void exec_wait(Warp& w, const Instr& in) {
  if (!warpgroup_step(w, in, 0, 0, false)) return;
  size_t done = 0;
  while (done < w.products.size() && uint64_t(w.products[done].group) + uint64_t(in.imm) < w.product_group)
    end_product(w, w.products[done++]);
  w.products.erase(w.products.begin(), w.products.begin() + long(done));
}

void exec_max_registers(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  const auto want = uint32_t(in.imm);
  const bool more = in.mods.has(Mod::k_inc);
  const auto refuse = [&](const std::string& why) {
    report_at(w, in, Check::kLaunchLimit, w.exec, want, "setmaxnreg to " + std::to_string(want) + why, 719);
  };
  if (in.imm < 24 || in.imm > 256 || in.imm % 8 != 0) return refuse("; 24 to 256 in steps of 8 are allowed.");
  if (more ? want < w.registers : want > w.registers)
    return refuse(std::string(more ? " is to take" : " is to give back") + " registers, and a thread has " +
                  std::to_string(w.registers) + ".");
  if (more && uint64_t(want - w.registers) * 32 > c.free_registers) {
    --w.counters->by_class[unsigned(in.cls)];  // it is tried again
    --w.pc;
    c.poll_instr = &in;
    stop_warp(w, Wait::kYield);
    return;
  }
  if (!warpgroup_step(w, in, 0, 0, false)) return;
  c.free_registers += uint64_t(w.registers) * 32;
  c.free_registers -= uint64_t(want) * 32;
  w.registers = want;
  c.polls = 0;
}

template <class F>
void for_slots(const Warp& w, const Instr& in, F visit) {
  for (const uint32_t slot : {in.d, in.d2, in.a, in.b, in.c, in.e}) visit(slot);
  unsigned count = 0;
  switch (in.op) {
    case Op::kLd:
    case Op::kSt: count = in.vec > 1 ? in.vec : 0; break;
    case Op::kMov: count = in.imm == 1 || in.imm == 2 ? in.vec : 0; break;
    case Op::kLdmatrix:
    case Op::kStmatrix: count = in.vec; break;
    case Op::kMma: {
      const bool tf32 = in.type2 == Type::kTF32;
      const unsigned cd = in.type == Type::kF16 ? 2 : 4,
                     a = tf32 ? (in.mods.has(Mod::k_m16n8k8) ? 4 : 2) : (in.mods.has(Mod::k_m16n8k16) ? 4 : 2);
      count = 2 * cd + a + a / 2;
      break;
    }
    default: break;
  }
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  for (unsigned k = 0; k < count; ++k) visit(slots[k]);
}

}  // namespace

bool warpgroup_step(Warp& w, const Instr& in, uint64_t a, uint64_t b, bool accumulate) {
  Cta& c = *w.cta;
  if (w.exec != ~0u) {
    report_at(w, in, Check::kWarpSyncDivergence, w.exec, 0,
              "this instruction needs all lanes of the warp, only some execute it.", 719);
    return false;
  }
  if (w.index / 4 * 4 + 4 > c.launch->warps) {
    report_at(w, in, Check::kWarpSyncDivergence, w.exec, 0,
              "this instruction needs four warps, and the block has no more behind warp " +
                  std::to_string(w.index / 4 * 4) + ".",
              719);
    return false;
  }
  WarpgroupLog& log = c.warpgroups[w.index / 4];
  const uint64_t at = w.warpgroup_steps++ - log.first;
  if (at >= log.steps.size()) {
    log.steps.push_back({&in, w.fn, a, b, accumulate});
  } else if (const WarpgroupStep& s = log.steps[at]; s.instr != &in) {
    report_at(w, in, Check::kWarpSyncDivergence, w.exec, 0,
              "all warps of a warpgroup must execute this instruction together, but another one executes that of PTX "
              "line " +
                  std::to_string(s.instr->line) + ".",
              719);
    c.abort = true;
    stop_warp(w, Wait::kNone);
    return false;
  } else if (s.a != a || s.b != b || s.accumulate != accumulate) {
    report_at(w, in, Check::kWarpSyncDivergence, w.exec, 0,
              "the warps of a warpgroup give this instruction different descriptors or another scale-d.", 719);
  }
  uint64_t least = w.warpgroup_steps;
  for (uint32_t k = w.index / 4 * 4; k < w.index / 4 * 4 + 4; ++k) least = std::min(least, c.warps[k]->warpgroup_steps);
  for (; log.first < least; ++log.first) log.steps.pop_front();
  return true;
}

void begin_warpgroups(Cta& c) {
  c.warpgroups.assign((c.launch->warps + 3) / 4, {});
  c.free_registers = 0;
  for (auto& w : c.warps) {
    w->registers = c.launch->registers;
    w->products.clear();
    w->product_group = 0;
    w->warpgroup_steps = 0;
    w->wgmma_fenced = w->watching = false;
    w->accumulators.clear();
  }
}

void finish_warpgroups(Cta& c) {
  if (c.abort) return;
  for (auto& w : c.warps) {
    if (!w->products.empty() && c.check_sync) {
      const Product& p = w->products.front();
      w->fn = p.frame->fn;
      report_at(*w, *p.instr, Check::kAsyncNotWaited, ~0u, 0,
                "the warp exits while this product is under way; wgmma.wait_group must come first.");
      return;
    }
    const WarpgroupLog& log = c.warpgroups[w->index / 4];
    if (log.steps.empty() || w->warpgroup_steps != log.first || !c.check_sync) continue;
    const WarpgroupStep& s = log.steps.front();
    w->fn = s.fn;
    report_at(*w, *s.instr, Check::kWarpSyncDivergence, ~0u, 0,
              "all four warps of a warpgroup must execute this instruction, and this one exits without.");
    return;
  }
}

void watch_accumulator(Warp& w, const Instr& in) {
  if (w.accumulators.empty()) w.accumulators.resize(w.fn->frame_bytes / 64 + 1);
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  for (unsigned k = 0; k < in.vec; ++k) w.accumulators[slots[k] / 64] = 1;
  if (w.watching) return;
  w.watching = true;
  stop_warp(w, Wait::kNone);  // leaves the fast loop behind this instruction
}

void check_accumulators(Warp& w, const Instr& in) {
  bool touched = false;
  for_slots(w, in, [&](uint32_t slot) { touched |= slot / 64 < w.accumulators.size() && w.accumulators[slot / 64]; });
  if (!touched) return;
  if (!w.products.empty() && w.cta->check_sync)
    report_at(w, in, Check::kAsyncNotWaited, w.exec, 0,
              "this instruction touches a register of a wgmma's accumulator, which is undefined until "
              "wgmma.wait_group has waited for the product of PTX line " +
                  std::to_string(w.products.front().instr->line) + ".");
  w.wgmma_fenced = false;
  w.watching = false;
  w.accumulators.assign(w.accumulators.size(), 0);
}

void run_watched(Warp& w, uint64_t budget) {
  uint64_t* counts = w.counters->by_class;
  uint64_t left = budget;
  while (w.pc < w.limit) {
    const Instr& in = w.code[w.pc++];
    uint32_t m = w.active;
    if (in.guard) {
      const uint32_t p = pred(w, in.guard);
      m &= in.guard_neg ? ~p : p;
      if (!m) continue;
    }
    w.exec = m;
    check_accumulators(w, in);
    ++counts[unsigned(in.cls)];
    in.fn(w, in);
    if (--left == 0 || !w.watching) return;
  }
}

bool check_descriptor(Warp& w, const Instr& in, uint64_t bits, uint32_t rows, const char* name) {
  const Descriptor d(bits);
  const std::string who = std::string("the descriptor of ") + name;
  if (bits >> 62 != 1 || (bits >> 49 & 7) != 0) {
    report_at(w, in, Check::kUnsupported, w.exec, bits,
              who + " has another layout than the 128-byte swizzle with base offset 0, which cudasim does not do.",
              719);
    return false;
  }
  if (d.start >> 7 & 7 || d.start % 128 > 96 || d.stride % 1024 != 0) {
    report_at(w, in, Check::kMisaligned, w.exec, d.start,
              who + " begins at shared offset " + std::to_string(d.start) + " with groups of eight rows " +
                  std::to_string(d.stride) +
                  " bytes apart; groups begin at multiples of 1024 bytes, and 32 bytes of each row of 128 are read.",
              716);
    return false;
  }
  const uint64_t end = d.start / 128 * 128 + uint64_t(rows / 8 - 1) * d.stride + 1024;
  if (end > w.cta->launch->shared_bytes) {
    report_at(w, in, Check::kOutOfBounds, w.exec, d.start,
              who + " reaches to shared offset " + std::to_string(end) + ", beyond the " +
                  std::to_string(w.cta->launch->shared_bytes) + " bytes of the block's shared memory.",
              700);
    return false;
  }
  return true;
}

ExecFn select_warpgroup(const Instr& in) {
  switch (in.op) {
    case Op::kWgmmaFence: return &exec_fence;
    case Op::kWgmmaCommit: return &exec_commit;
    case Op::kWgmmaWait: return &exec_wait;
    case Op::kMaxRegisters: return &exec_max_registers;
    default: return nullptr;
  }
}

}  // namespace cudasim
