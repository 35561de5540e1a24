// CUDA devices: what there is, and errors as sentences.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "backends/backend.h"
#include "sclip/error.h"

namespace sclip {

// Throws kDevice (kOutOfMemory when the device's memory is full) with what was attempted and CUDA's own words.
template <typename... What>
void check_cuda(cudaError_t error, const What&... what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // a refused call must not spoil the next one's check
  fail(error == cudaErrorMemoryAllocation ? ErrorCode::kOutOfMemory : ErrorCode::kDevice, "CUDA could not ",
       str(what...), ": ", cudaGetErrorString(error));
}

struct CudaDevice {
  int index = 0;
  std::string name;
  int major = 0, minor = 0;
  int multiprocessors = 0;
  size_t shared_memory_per_block = 0;  // with opting in
  size_t memory = 0;
};

// Every usable device; an empty list comes with the reason in `refusal`.
struct CudaDevices {
  std::vector<CudaDevice> devices;
  std::string refusal;
};
CudaDevices find_cuda_devices();

std::string describe(const CudaDevice& device);

// Windows that one forward takes best. ViT-B's narrowest products have 768 columns, 6 tiles of 128 × 128 for every 128
// of a window's 197 rows: as many windows, in fours, as give every multiprocessor a tile. 16 on an H100, 12 on an A100.
constexpr int preferred_batch(int multiprocessors) {
  const int rows = (multiprocessors + 5) / 6 * 128;
  const int windows = (rows + 196) / 197;
  return (windows + 3) / 4 * 4;
}

}  // namespace sclip
