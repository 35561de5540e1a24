#include "runtime/access.h"

#include <cstdio>
#include <string>

#include "sim/memory.h"

namespace cudasim {

static DeviceMemory& memory() {
  return DeviceMemory::get();
}

bool is_device_pointer(const void* p) {
  return address_bits(p) - memory().base() < (kSlotCount << kSlotShift);
}
bool is_pageable(const void* p) {
  return !is_device_pointer(p) && !memory().host_registered(address_bits(p), 1);
}
uint8_t* readable_place(const void* p) {
  return is_device_pointer(p) ? memory().host(address_bits(p)) : static_cast<uint8_t*>(const_cast<void*>(p));
}

static cudaError_t bad_access(const char* call, const char* role, const void* p, size_t bytes) {
  Finding f;
  f.check = Check::kOutOfBounds;
  const uint64_t address = address_bits(p);
  const Allocation* a = memory().nearest(address);
  if (a && a->freed && address >= a->address && address < a->address + a->size) f.check = Check::kUseAfterFree;
  f.address = address;
  char at[32];
  std::snprintf(at, sizeof at, "0x%llx", static_cast<unsigned long long>(address));
  f.text = std::string(call) + ": the " + role + " of " + std::to_string(bytes) + " bytes at " + at +
           " does not lie inside an allocation: it begins " + memory().describe(address) + ".";
  report(std::move(f));
  return cudaErrorInvalidValue;
}

cudaError_t check_range(const char* call, const char* role, const void* p, size_t bytes) {
  if (bytes && is_device_pointer(p) && !memory().find(address_bits(p), bytes)) return bad_access(call, role, p, bytes);
  return cudaSuccess;
}

cudaError_t check_device_range(const char* call, const char* role, const void* p, size_t bytes) {
  if (!is_device_pointer(p) && !memory().host_registered(address_bits(p), bytes))
    return bad_access(call, role, p, bytes);
  return check_range(call, role, p, bytes);
}

}  // namespace cudasim
