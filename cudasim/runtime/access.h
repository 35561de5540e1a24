// Checks of ranges of memory that API calls touch, against the simulated allocations.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "sim/report.h"

namespace cudasim {

inline uint64_t address_bits(const void* p) {
  return reinterpret_cast<uint64_t>(p);
}
bool is_device_pointer(const void* p);  // device, pinned or managed memory of the simulator
bool is_pageable(const void* p);
// The readable place of a pointer: device memory through its mapping, host memory as it is.
uint8_t* readable_place(const void* p);

// A range that begins in simulated memory must lie inside one allocation; host memory is not checked.
cudaError_t check_range(const char* call, const char* role, const void* p, size_t bytes);
// The range must be memory that the device can read.
cudaError_t check_device_range(const char* call, const char* role, const void* p, size_t bytes);

}  // namespace cudasim
