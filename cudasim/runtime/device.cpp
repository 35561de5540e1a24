#include "runtime/device.h"

#include <cuda_occupancy.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sim/options.h"

namespace cudasim {

namespace {
struct Preset {
  const char* option;
  const char* name;
  int major, minor, multiprocessors, threads_per_sm, blocks_per_sm;
  size_t shared_per_sm, shared_optin, memory;
  int l2;
};
constexpr Preset kPresets[] = {
    {"sm_80", "cudasim sm_80", 8, 0, 108, 2048, 32, 167936, 166912, 80ull << 30, 40 << 20},
    {"sm_90", "cudasim sm_90", 9, 0, 132, 2048, 32, 233472, 232448, 80ull << 30, 50 << 20},
    {"sm_120", "cudasim sm_120", 12, 0, 170, 1536, 24, 102400, 101376, 32ull << 30, 96 << 20},
};
const Preset& preset() {
  static const Preset& p = []() -> const Preset& {
    for (const Preset& x : kPresets)
      if (options().device == x.option) return x;
    std::fprintf(stderr, "cudasim: the device '%s' is not known; use sm_80, sm_90 or sm_120.\n",
                 options().device.c_str());
    std::exit(2);
  }();
  return p;
}
thread_local int t_device = 0;
}  // namespace

int device_count() {
  return options().devices;
}
int current_device() {
  return t_device;
}
bool set_current_device(int device) {
  if (device < 0 || device >= device_count()) return false;
  t_device = device;
  return true;
}

uint32_t device_arch() {
  return uint32_t(preset().major * 10 + preset().minor);
}

const cudaDeviceProp& device_properties() {
  static const cudaDeviceProp prop = [] {
    const Preset& d = preset();
    cudaDeviceProp p;
    std::memset(&p, 0, sizeof p);
    std::snprintf(p.name, sizeof p.name, "%s", d.name);
    p.major = d.major;
    p.minor = d.minor;
    p.totalGlobalMem = d.memory;
    p.sharedMemPerBlock = 48 * 1024;
    p.sharedMemPerBlockOptin = d.shared_optin;
    p.sharedMemPerMultiprocessor = d.shared_per_sm;
    p.reservedSharedMemPerBlock = 1024;
    p.regsPerBlock = 65536;
    p.regsPerMultiprocessor = 65536;
    p.warpSize = 32;
    p.maxThreadsPerBlock = 1024;
    p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
    p.maxThreadsDim[2] = 64;
    p.maxGridSize[0] = 0x7FFFFFFF;
    p.maxGridSize[1] = p.maxGridSize[2] = 65535;
    p.multiProcessorCount = d.multiprocessors;
    p.maxThreadsPerMultiProcessor = d.threads_per_sm;
    p.maxBlocksPerMultiProcessor = d.blocks_per_sm;
    p.totalConstMem = 65536;
    p.memPitch = 0x7FFFFFFF;
    p.textureAlignment = 512;
    p.l2CacheSize = d.l2;
    p.unifiedAddressing = 1;
    p.managedMemory = 1;
    p.concurrentKernels = 1;
    p.canMapHostMemory = 1;
    p.asyncEngineCount = 2;
    p.memoryBusWidth = 5120;
    p.cooperativeLaunch = 1;
    p.streamPrioritiesSupported = 1;
    p.globalL1CacheSupported = p.localL1CacheSupported = 1;
    return p;
  }();
  return prop;
}

cudaError_t device_attribute(int* value, cudaDeviceAttr attr) {
  const cudaDeviceProp& p = device_properties();
  switch (attr) {
    case cudaDevAttrMaxThreadsPerBlock: *value = p.maxThreadsPerBlock; break;
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY: *value = 1024; break;
    case cudaDevAttrMaxBlockDimZ: *value = 64; break;
    case cudaDevAttrMaxGridDimX: *value = p.maxGridSize[0]; break;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ: *value = 65535; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = int(p.sharedMemPerBlock); break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = int(p.sharedMemPerBlockOptin); break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = int(p.sharedMemPerMultiprocessor); break;
    case cudaDevAttrReservedSharedMemoryPerBlock: *value = 1024; break;
    case cudaDevAttrTotalConstantMemory: *value = 65536; break;
    case cudaDevAttrWarpSize: *value = 32; break;
    case cudaDevAttrMaxPitch: *value = 0x7FFFFFFF; break;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor: *value = 65536; break;
    case cudaDevAttrClockRate: *value = 1410000; break;
    case cudaDevAttrMemoryClockRate: *value = 1215000; break;
    case cudaDevAttrGlobalMemoryBusWidth: *value = p.memoryBusWidth; break;
    case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
    case cudaDevAttrL2CacheSize: *value = p.l2CacheSize; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = p.maxThreadsPerMultiProcessor; break;
    case cudaDevAttrMaxBlocksPerMultiprocessor: *value = p.maxBlocksPerMultiProcessor; break;
    case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrCanMapHostMemory:
    case cudaDevAttrStreamPrioritiesSupported:
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrMemoryPoolsSupported:
    case cudaDevAttrGlobalL1CacheSupported:
    case cudaDevAttrLocalL1CacheSupported: *value = 1; break;
    case cudaDevAttrAsyncEngineCount: *value = 2; break;
    case cudaDevAttrTextureAlignment: *value = 512; break;
    default: *value = 0; break;
  }
  return cudaSuccess;
}

int occupancy(uint32_t threads, uint32_t registers, uint64_t shared_bytes) {
  if (threads == 0 || threads > 1024) return 0;
  const cudaOccDeviceProp device(device_properties());
  const cudaOccDeviceState state;
  cudaOccFuncAttributes kernel;
  kernel.maxThreadsPerBlock = 1024;
  kernel.numRegs = int(registers);
  kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;  // the launch checks look whether the program has opted in
  kernel.maxDynamicSharedSizeBytes = shared_bytes;
  kernel.numBlockBarriers = 1;
  cudaOccResult result;
  const cudaOccError e =
      cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, int(threads), shared_bytes);
  return e == CUDA_OCC_SUCCESS ? result.activeBlocksPerMultiprocessor : 0;
}

}  // namespace cudasim
