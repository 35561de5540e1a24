// Runs a kernel: blocks over worker threads, warps of a block in seeded random order.
#pragma once
#include "sim/warp.h"

namespace cudasim {

// Runs to completion. launch.error is a cudaError_t when a finding must stop the program, else 0.
void run_launch(Launch& launch);

}  // namespace cudasim
