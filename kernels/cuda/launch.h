// What every launcher does.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "kernels/cuda/queue.h"

namespace sclip::cuda {

// Throws kDevice with the kernel's name and shapes when the launch just made was refused.
template <typename... Shapes>
void check_launch(const char* kernel, const Shapes&... shapes) {
  const cudaError_t error = cudaGetLastError();
  SCLIP_CHECK(error == cudaSuccess, kDevice, "CUDA refused the kernel ", kernel, " (", str(shapes...),
              "): ", cudaGetErrorString(error));
}

// Lets `kernel` use `bytes` of dynamic shared memory; more than 48 KiB must be asked for.
template <typename Kernel>
void allow_shared_memory(Kernel* kernel, size_t bytes) {
  if (bytes <= 48 * 1024) return;
  const cudaError_t error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                 cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  SCLIP_CHECK(error == cudaSuccess, kDevice, "the device has no ", bytes,
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
