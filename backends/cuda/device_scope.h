// DeviceScope: a device is the calling thread's current one for a while, and the one before it is so again afterwards.
//
// CUDA keeps the current device per thread. A session may be used from any thread, and what the host program chose
// there is the host program's.
#pragma once

#include <new>

#include "backends/cuda/cuda_device.h"

namespace sclip {

class DeviceScope {
 public:
  explicit DeviceScope(int device) { check_cuda(enter(device), "use device ", device); }
  // For destructors: what is to be freed on a device that has failed is lost anyway.
  DeviceScope(int device, std::nothrow_t) noexcept { enter(device); }
  ~DeviceScope() {
    if (changed_) cudaSetDevice(previous_);  // it was current before, so that nothing refuses it
  }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  cudaError_t enter(int device) noexcept {
    cudaError_t error = cudaGetDevice(&previous_);
    if (error != cudaSuccess || previous_ == device) return error;
    error = cudaSetDevice(device);
    changed_ = error == cudaSuccess;
    return error;
  }

  int previous_ = 0;
  bool changed_ = false;
};

}  // namespace sclip
