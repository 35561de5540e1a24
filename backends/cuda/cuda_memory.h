// Device memory and pinned host memory.
#pragma once

#include "backends/cuda/device_scope.h"

namespace sclip {

class CudaMemory : public Memory {
 public:
  CudaMemory(int device, size_t bytes) : device_(device) {
    const DeviceScope scope(device_);
    if (bytes > 0) check_cuda(cudaMalloc(&data_, bytes), "allocate ", bytes, " bytes of device memory");
    size_ = bytes;
  }
  ~CudaMemory() override {
    const DeviceScope scope(device_, std::nothrow);
    cudaFree(data_);
  }
  CudaMemory(const CudaMemory&) = delete;
  CudaMemory& operator=(const CudaMemory&) = delete;

 private:
  int device_;
};

class PinnedMemory : public Memory {
 public:
  PinnedMemory(int device, size_t bytes) : device_(device) {
    const DeviceScope scope(device_);
    if (bytes > 0) check_cuda(cudaMallocHost(&data_, bytes), "allocate ", bytes, " bytes of pinned host memory");
    size_ = bytes;
  }
  ~PinnedMemory() override {
    const DeviceScope scope(device_, std::nothrow);
    cudaFreeHost(data_);
  }
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;

 private:
  int device_;
};

}  // namespace sclip
