// The simulated device: presets of sm_80, sm_90 and sm_120, chosen with --device.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

namespace cudasim {

uint32_t device_arch();  // 80, 90, 120
const cudaDeviceProp& device_properties();
cudaError_t device_attribute(int* value, cudaDeviceAttr attr);
// Blocks of a kernel that fit one multiprocessor; 0: not even one.
int occupancy(uint32_t threads, uint32_t registers, uint64_t shared_bytes);

}  // namespace cudasim
