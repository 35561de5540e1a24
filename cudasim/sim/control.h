// Control flow of a warp: divergence, calls, barriers.
#pragma once
#include "sim/warp.h"

namespace cudasim {

ExecFn select_control(const Instr& in);
ExecFn select_mbarrier(const Instr& in);

// True when all members that still live execute this instruction together; otherwise the group waits for them.
bool warp_sync_ready(Warp& w, const Instr& in, uint32_t members);

// After the run loop stopped: merges groups that met, and makes the one with the lowest pc current. active == 0 when
// no group can go on.
void reschedule(Warp& w);

Frame* new_frame(Warp& w, Function* fn, Frame* parent);
void fill_specials(Warp& w, Frame& f, bool only_block);
void release_barrier(Cta& c, unsigned id);
bool barrier_complete(const Cta& c, unsigned id);
bool call_builtin(Warp& w, const Instr& in, const CallInfo& call, const Function& fn);

}  // namespace cudasim
