// Device memory and pinned host memory.
#pragma once

#include "backends/cuda/cuda_device.h"

namespace sclip {

class CudaMemory : public Memory {
 public:
  explicit CudaMemory(size_t bytes) {
    if (bytes > 0) check_cuda(cudaMalloc(&data_, bytes), "allocate ", bytes, " bytes of device memory");
    size_ = bytes;
  }
  ~CudaMemory() override { cudaFree(data_); }
  CudaMemory(const CudaMemory&) = delete;
  CudaMemory& operator=(const CudaMemory&) = delete;
};

class PinnedMemory : public Memory {
 public:
  explicit PinnedMemory(size_t bytes) {
    if (bytes > 0) check_cuda(cudaMallocHost(&data_, bytes), "allocate ", bytes, " bytes of pinned host memory");
    size_ = bytes;
  }
  ~PinnedMemory() override { cudaFreeHost(data_); }
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
};

}  // namespace sclip
