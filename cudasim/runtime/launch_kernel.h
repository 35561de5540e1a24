// From a launch call to queued work, with the checks of launch limits.
#pragma once
#include <cuda_runtime_api.h>

#include "runtime/registry.h"

namespace cudasim {

// Copies the arguments now (args: one pointer per parameter) and queues the launch.
cudaError_t launch_kernel(KernelEntry* k, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream, bool cooperative);

}  // namespace cudasim
