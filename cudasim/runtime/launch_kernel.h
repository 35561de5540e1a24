// From a launch call to an operation, with the checks of launch limits.
#pragma once
#include <cuda_runtime_api.h>

#include "runtime/op.h"
#include "runtime/registry.h"

namespace cudasim {

// Copies the arguments now (args: one pointer per parameter). Null after setting *error.
OpPtr make_kernel_op(KernelEntry* k, dim3 grid, dim3 block, void** args, size_t shared, bool cooperative,
                     cudaError_t* error);
// Work that runs on multiprocessors goes into streams of the current device only.
cudaError_t check_stream(const std::string& kernel, cudaStream_t stream);
cudaError_t launch_kernel(KernelEntry* k, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream,
                          bool cooperative);
// Registers per thread: those of ptxas when the program holds machine code that is not newer than the device, else an
// estimate, because PTX has no register allocation.
uint32_t registers_of(const KernelEntry* k, const Function& f);

}  // namespace cudasim
