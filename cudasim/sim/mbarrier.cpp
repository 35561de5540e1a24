// mbarrier objects. Their state lives beside shared memory, since its bits are opaque to programs; the object's bytes
// only take part in the checks. What warps did before they arrived is ordered before what a warp does after its wait
// succeeded.
#include <algorithm>

#include "sim/control.h"
#include "sim/lanes.h"
#include "sim/tensor_copy.h"

namespace cudasim {

namespace {

constexpr uint32_t kMaxCount = (1u << 20) - 1;

// What mbarrier.arrive returns: the phase and the pending count before it.
uint64_t token(const MBarrier& b) {
  return b.phase << 20 | b.pending;
}

// The lanes whose object lies in shared memory; fills their offsets.
uint32_t objects(Warp& w, const Instr& in, uint64_t* at) {
  uint32_t shared = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    uint64_t a = read_lane(w, in.a, in.a_size, i) + uint64_t(in.imm);
    if (in.a_size == 4) a = uint32_t(a);
    at[i] = a & ~kWindowMask;
    if (in.space == Space::kShared || (a & kWindowMask) == kSharedWindow) shared |= 1u << i;
  });
  if (const uint32_t others = w.exec & ~shared) {
    const uint32_t first = uint32_t(__builtin_ctz(others));
    report_at(w, in, Check::kOutOfBounds, others, at[first],
              "an mbarrier object must lie in the block's shared memory.", 700);
  }
  return shared ? shared_access_slow(w, in, at, shared, 8, "mbarrier access") : 0;
}

// The object of a lane; null after a report when there is none.
MBarrier* find(Warp& w, const Instr& in, uint32_t lane, uint64_t at) {
  Cta& c = *w.cta;
  const auto it = c.mbarriers.find(uint32_t(at));
  if (it == c.mbarriers.end()) {
    report_at(w, in, Check::kUninitialisedShared, 1u << lane, at,
              "shared offset " + std::to_string(at) + " holds no mbarrier object; mbarrier.init must come first.", 719);
    return nullptr;
  }
  if (c.check_shared) shared_read_checked(w, in, lane, uint32_t(at), 8, true);
  return &it->second;
}

void tick(Cta& c) {
  if (++c.now > kTagMaxTime) renormalise_shadow(c);
}

void exec_init(Warp& w, const Instr& in) {
  uint64_t at[32];
  Cta& c = *w.cta;
  for_lanes(objects(w, in, at), [&](uint32_t i) {
    if (c.check_shared) shared_write_checked(w, in, i, uint32_t(at[i]), 8, false, nullptr);
    if (in.op == Op::kMbarInval) {
      if (!c.mbarriers.erase(uint32_t(at[i])))
        report_at(w, in, Check::kUninitialisedShared, 1u << i, at[i],
                  "mbarrier.inval of shared offset " + std::to_string(at[i]) + ", which holds no mbarrier object.");
      return;
    }
    const uint32_t count = reg<uint32_t>(w, in.b)[i];
    if (count == 0 || count > kMaxCount) {
      report_at(w, in, Check::kBarrierDivergence, 1u << i, at[i],
                "mbarrier.init with the count " + std::to_string(count) + "; 1 to " + std::to_string(kMaxCount) +
                    " are allowed.",
                719);
      return;
    }
    MBarrier b;
    b.expected = b.pending = count;
    b.init_warp = w.index;
    b.init_lane = i;
    c.mbarriers[uint32_t(at[i])] = b;
  });
}

void exec_arrive(Warp& w, const Instr& in) {
  uint64_t at[32];
  Cta& c = *w.cta;
  const bool drop = in.mods.has(Mod::k_arrive_drop), open = in.mods.has(Mod::k_noComplete),
             announces = in.mods.has(Mod::k_expect_tx);
  for_lanes(objects(w, in, at), [&](uint32_t i) {
    MBarrier* b = find(w, in, i, at[i]);
    if (!b) return;
    const uint32_t count = in.b && !announces ? reg<uint32_t>(w, in.b)[i] : 1;
    if (in.d) reg<uint64_t>(w, in.d)[i] = token(*b);
    if (count > b->pending || count == 0 || (open && count == b->pending)) {
      report_at(w, in, Check::kBarrierDivergence, 1u << i, at[i],
                "this arrival of " + std::to_string(count) + " does not fit the mbarrier, which waits for " +
                    std::to_string(b->pending) + " more of its " + std::to_string(b->expected) +
                    (open ? " and must not be completed by .noComplete." : "."),
                719);
      return;
    }
    if (!in.mods.has(Mod::k_relaxed)) {
      for (int k = 0; k < 32; ++k) b->arrived[k] = std::max(b->arrived[k], w.vc[k]);
      b->arrived[w.index] = c.now;
    }
    if (announces) b->bytes += reg<uint32_t>(w, in.b)[i];
    b->pending -= count;
    if (drop) b->expected -= count;
    try_complete(c, uint32_t(at[i]), *b);
  });
  c.polls = 0;
  tick(c);
}

void exec_wait(Warp& w, const Instr& in) {
  uint64_t at[32];
  uint32_t done = 0, waiting = 0;
  for_lanes(objects(w, in, at), [&](uint32_t i) {
    MBarrier* b = find(w, in, i, at[i]);
    if (!b) return;
    const auto phase_done = [&] {
      return in.mods.has(Mod::k_parity) ? (b->phase & 1) != (reg<uint32_t>(w, in.b)[i] & 1)
                                        : b->phase != reg<uint64_t>(w, in.b)[i] >> 20;
    };
    if (!phase_done() && b->pending == 0) land_loads(*w.cta, uint32_t(at[i]));  // copies are all that is missing
    const bool complete = phase_done();
    (complete ? done : waiting) |= 1u << i;
    if (!complete) w.cta->poll_object = uint32_t(at[i]);
    if (!complete || in.mods.has(Mod::k_relaxed)) return;
    observe_loads(w, uint32_t(at[i]), *b);
    for (int k = 0; k < 32; ++k) w.vc[k] = std::max(w.vc[k], b->done[k]);
    w.last_sync = std::max(w.last_sync, b->done[w.index]);
  });
  set_pred(w, in.d, done);
  if (!waiting) return;
  w.cta->poll_instr = &in;
  stop_warp(w, Wait::kYield);  // whom it waits for must get a turn
}

void exec_pending(Warp& w, const Instr& in) {
  for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = uint32_t(reg<uint64_t>(w, in.a)[i]) & kMaxCount; });
}

}  // namespace

ExecFn select_mbarrier(const Instr& in) {
  switch (in.op) {
    case Op::kMbarInit:
    case Op::kMbarInval: return &exec_init;
    case Op::kMbarArrive: return &exec_arrive;
    case Op::kMbarWait: return &exec_wait;
    case Op::kMbarPending: return &exec_pending;
    default: return nullptr;
  }
}

}  // namespace cudasim
