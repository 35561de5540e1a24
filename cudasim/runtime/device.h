// The simulated devices, all of one kind: presets of sm_80, sm_90 and sm_120, chosen with --device, as many as
// --devices.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

namespace cudasim {

int device_count();
int current_device();                 // of the calling thread
bool set_current_device(int device);  // false: there is no such device

// A device is the calling thread's current one for a while.
class OnDevice {
 public:
  explicit OnDevice(int device) : before_(current_device()) { set_current_device(device); }
  ~OnDevice() { set_current_device(before_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_;
};

uint32_t device_arch();  // 80, 90, 120
const cudaDeviceProp& device_properties();
cudaError_t device_attribute(int* value, cudaDeviceAttr attr);
// Blocks of a kernel that fit one multiprocessor; 0: not even one.
int occupancy(uint32_t threads, uint32_t registers, uint64_t shared_bytes);

}  // namespace cudasim
