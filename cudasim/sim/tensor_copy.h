// Boxes of tensor maps on their way between global and shared memory, and the mbarriers at which their bytes count.
#pragma once
#include "sim/warp.h"

namespace cudasim {

ExecFn select_tensor_copy(const Instr& in);

// Boxes on their way to shared memory land, at the latest, when somebody waits at their mbarrier and nothing but bytes
// is missing; a warp may read them once its wait for their phase has succeeded.
void land_loads(Cta& c, uint32_t barrier);
void observe_loads(Warp& w, uint32_t barrier, MBarrier& b);

// Completes the phase when all arrivals and bytes are there.
void try_complete(Cta& c, uint32_t barrier, MBarrier& b);

void leave_stores(Warp& w, uint32_t lanes);  // these lanes exit
void finish_copies(Cta& c);                  // the block has ended

}  // namespace cudasim
