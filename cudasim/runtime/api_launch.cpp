// Registration and launches: the entry points that nvcc's host code calls.
#include <cuda_runtime_api.h>
#include <vector_types.h>

#include <vector>

#include "runtime/device.h"
#include "runtime/launch_kernel.h"
#include "runtime/process.h"
#include "runtime/stream.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

namespace {
struct Config { dim3 grid, block; size_t shared; cudaStream_t stream; };
thread_local std::vector<Config> t_configs;
}  // namespace

API void** __cudaRegisterFatBinary(void* wrapper) {
  start_process();
  return reinterpret_cast<void**>(register_fatbin(wrapper));
}
API void __cudaRegisterFatBinaryEnd(void**) {}
API void __cudaUnregisterFatBinary(void** h) { unregister_fatbin(reinterpret_cast<FatModule*>(h)); }
API char __cudaInitModule(void**) { init_managed(); return 1; }
API void __cudaRegisterFunction(void** h, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*, int*) {
  register_kernel(reinterpret_cast<FatModule*>(h), host, name);
}
API void __cudaRegisterVar(void** h, char* host, char*, const char* name, int, size_t size, int, int) {
  register_var(reinterpret_cast<FatModule*>(h), host, name, size, nullptr);
}
API void __cudaRegisterManagedVar(void** h, void** pointer, char* host, const char* name, int, size_t size, int, int) {
  register_var(reinterpret_cast<FatModule*>(h), host ? static_cast<const void*>(pointer) : pointer, name, size, pointer);
}
API unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, cudaStream_t stream) {
  t_configs.push_back({grid, block, shared, stream});
  return 0;
}
API cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  if (t_configs.empty()) return cudaErrorMissingConfiguration;
  const Config c = t_configs.back();
  t_configs.pop_back();
  *grid = c.grid;
  *block = c.block;
  *shared = c.shared;
  *static_cast<cudaStream_t*>(stream) = c.stream;
  return cudaSuccess;
}
API cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  KernelEntry* k = find_kernel(host);
  *kernel = reinterpret_cast<cudaKernel_t>(k);
  return k ? cudaSuccess : cudaErrorInvalidDeviceFunction;
}
API cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream) {
  return launch_kernel(reinterpret_cast<KernelEntry*>(kernel), grid, block, args, shared, stream, false);
}
API cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream) {
  return launch_kernel(reinterpret_cast<KernelEntry*>(kernel), grid, block, args, shared, stream, false);
}
API cudaError_t cudaLaunchKernel(const void* host, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream) {
  return launch_kernel(find_kernel(host), grid, block, args, shared, stream, false);
}
API cudaError_t cudaLaunchCooperativeKernel(const void* host, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream) {
  return launch_kernel(find_kernel(host), grid, block, args, shared, stream, true);
}
API cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* host, void** args) {
  bool cooperative = false;
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const cudaLaunchAttribute& a = config->attrs[i];
    if (a.id == cudaLaunchAttributeCooperative) cooperative = a.val.cooperative != 0;
    else if (a.id == cudaLaunchAttributeClusterDimension && (a.val.clusterDim.x > 1 || a.val.clusterDim.y > 1 || a.val.clusterDim.z > 1))
      return unsupported_call("cudaLaunchKernelExC with thread block clusters");
  }
  return launch_kernel(find_kernel(host), config->gridDim, config->blockDim, args, config->dynamicSmemBytes, config->stream, cooperative);
}

// ---- Kernel attributes and occupancy.
static uint32_t registers_of(const Function& f) {
  if (f.bounds.maxnreg) return f.bounds.maxnreg;
  if (f.bounds.maxntid && f.bounds.minnctapersm) return std::min(255u, 65536 / (f.bounds.maxntid * f.bounds.minnctapersm) / 8 * 8);
  return std::min(128u, std::max(16u, f.reg32_count / 4));  // an estimate: PTX has no register allocation
}
API cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, const void* host) {
  KernelEntry* k = find_kernel(host);
  Function* f = k ? function_of(k) : nullptr;
  if (!f) return set_error(cudaErrorInvalidDeviceFunction);
  *a = cudaFuncAttributes{};
  a->sharedSizeBytes = f->static_shared;
  a->localSizeBytes = f->local_bytes;
  a->maxThreadsPerBlock = f->bounds.maxntid ? int(f->bounds.maxntid) : 1024;
  a->numRegs = int(registers_of(*f));
  a->ptxVersion = a->binaryVersion = int(device_arch());
  a->maxDynamicSharedSizeBytes = int(k->dynamic_shared_limit);
  return cudaSuccess;
}
API cudaError_t cudaFuncSetAttribute(const void* host, cudaFuncAttribute attr, int value) {
  KernelEntry* k = find_kernel(host);
  if (!k) return set_error(cudaErrorInvalidDeviceFunction);
  if (attr == cudaFuncAttributeMaxDynamicSharedMemorySize) {
    Function* f = function_of(k);
    if (!f) return set_error(cudaErrorInvalidDeviceFunction);
    if (value < 0 || size_t(value) + f->static_shared > device_properties().sharedMemPerBlockOptin) return set_error(cudaErrorInvalidValue);
    k->dynamic_shared_limit = uint32_t(value);
  }
  return cudaSuccess;
}
API cudaError_t cudaFuncSetCacheConfig(const void*, cudaFuncCache) { return cudaSuccess; }
API cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* host, int threads, size_t dynamic, unsigned) {
  KernelEntry* k = find_kernel(host);
  Function* f = k ? function_of(k) : nullptr;
  if (!f) return set_error(cudaErrorInvalidDeviceFunction);
  *blocks = occupancy(uint32_t(threads), registers_of(*f), f->static_shared + dynamic);
  return cudaSuccess;
}
API cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* host, int threads, size_t dynamic) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, host, threads, dynamic, 0);
}
