// Boxes of tensor maps on their way between global and shared memory, and the mbarriers at which their bytes count.
#pragma once
#include "sim/warp.h"

namespace cudasim {

ExecFn select_tensor_copy(const Instr& in);

// What is known about the boxes that count at an mbarrier: they land when somebody waits for nothing else (`land`),
// and may be read by a warp whose wait for their phase succeeded (`observe`).
void land_loads(Cta& c, uint32_t barrier);
void observe_loads(Warp& w, uint32_t barrier, MBarrier& b);

// Completes the phase when all arrivals and bytes are there.
void try_complete(Cta& c, uint32_t barrier, MBarrier& b);

void leave_stores(Warp& w, uint32_t lanes);  // these lanes exit
void finish_copies(Cta& c);                  // the block has ended

}  // namespace cudasim
