// What every launcher does.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip::cuda {

// What a running kernel leaves behind when it fails. From then on every call returns it, so that it says nothing about
// the call that did.
inline bool is_device_fault(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable: return true;
    default: return false;
  }
}

// Before the launches of `what`: an error that is there already is not theirs. One that a host program left behind is
// fetched, so that the next call works.
inline void check_nothing_pending(const char* what) {
  const cudaError_t error = cudaPeekAtLastError();
  if (error == cudaSuccess) return;
  SCLIP_CHECK(!is_device_fault(error), kDevice, "a kernel failed on this device before ", what,
              " was to run: ", cudaGetErrorString(error),
              "; with CUDA_LAUNCH_BLOCKING=1 the failing kernel is named, with compute-sanitizer its line too");
  cudaGetLastError();
  fail(ErrorCode::kDevice, "before ", what,
       " was to run, a CUDA call of this thread that is not sclip's had failed: ", cudaGetErrorString(error),
       "; the program must look at that call's result");
}

// Throws kDevice with the kernel's name and shapes when the launch just made was refused.
template <typename... Shapes>
void check_launch(const char* kernel, const Shapes&... shapes) {
  const cudaError_t error = cudaGetLastError();
  SCLIP_CHECK(!is_device_fault(error), kDevice, "a kernel failed on this device before or while ", kernel, " (",
              str(shapes...), ") was launched: ", cudaGetErrorString(error),
              "; with CUDA_LAUNCH_BLOCKING=1 the failing kernel is named, with compute-sanitizer its line too");
  SCLIP_CHECK(error == cudaSuccess, kDevice, "CUDA refused the kernel ", kernel, " (", str(shapes...),
              "): ", cudaGetErrorString(error));
}

// Lets `kernel` use `bytes` of dynamic shared memory; more than 48 KiB must be asked for.
template <typename Kernel>
void allow_shared_memory(Kernel* kernel, size_t bytes, const CudaQueue& queue) {
  SCLIP_CHECK(bytes <= queue.shared_memory_per_block, kUnsupported, "a block needs ", bytes,
              " bytes of shared memory, and this device (compute capability ", queue.architecture / 10, ".",
              queue.architecture % 10, ") has ", queue.shared_memory_per_block, " for one");
  if (bytes <= 48 * 1024) return;
  const cudaError_t error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                 cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  SCLIP_CHECK(error == cudaSuccess, kDevice, "CUDA refused ", bytes,
              " bytes of shared memory for one block: ", cudaGetErrorString(error));
}

constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

inline bool is_aligned(const void* pointer, size_t bytes) {
  return reinterpret_cast<uintptr_t>(pointer) % bytes == 0;
}

// Blocks along one axis of a grid. x may hold 2^31 − 1 of them, y and z 65,535.
inline unsigned grid_size(int64_t blocks) {
  SCLIP_CHECK(blocks <= 0x7fffffff, kInvalidArgument, blocks, " blocks are more than a CUDA grid holds");
  return static_cast<unsigned>(blocks);
}

}  // namespace sclip::cuda
