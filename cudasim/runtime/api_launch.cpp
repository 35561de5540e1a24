// Registration and launches: the entry points that nvcc's host code calls.
#include <cuda_runtime_api.h>
#include <vector_types.h>

#include <string>
#include <vector>

#include "runtime/device.h"
#include "runtime/launch_kernel.h"
#include "runtime/process.h"
#include "runtime/stream.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

namespace {
struct Config {
  dim3 grid, block;
  size_t shared;
  cudaStream_t stream;
};
thread_local std::vector<Config> t_configs;
}  // namespace

API void** __cudaRegisterFatBinary(void* wrapper) {
  start_process();
  return reinterpret_cast<void**>(register_fatbin(wrapper));
}
API void __cudaRegisterFatBinaryEnd(void**) {}
API void __cudaUnregisterFatBinary(void** h) {
  unregister_fatbin(reinterpret_cast<FatModule*>(h));
}
API char __cudaInitModule(void**) {
  init_managed();
  return 1;
}
API void __cudaRegisterFunction(void** h, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*,
                                int*) {
  register_kernel(reinterpret_cast<FatModule*>(h), host, name);
}
API void __cudaRegisterVar(void** h, char* host, char*, const char* name, int, size_t size, int, int) {
  register_var(reinterpret_cast<FatModule*>(h), host, name, size, nullptr);
}
API void __cudaRegisterManagedVar(void** h, void** pointer, char* host, const char* name, int, size_t size, int, int) {
  register_var(reinterpret_cast<FatModule*>(h), host ? static_cast<const void*>(pointer) : pointer, name, size,
               pointer);
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
API cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** args, size_t shared,
                                   cudaStream_t stream) {
  return launch_kernel(reinterpret_cast<KernelEntry*>(kernel), grid, block, args, shared, stream, false);
}
API cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid, dim3 block, void** args, size_t shared,
                                        cudaStream_t stream) {
  return launch_kernel(reinterpret_cast<KernelEntry*>(kernel), grid, block, args, shared,
                       stream ? stream : cudaStreamPerThread, false);
}
API cudaError_t cudaLaunchKernel(const void* host, dim3 grid, dim3 block, void** args, size_t shared,
                                 cudaStream_t stream) {
  return launch_kernel(find_kernel(host), grid, block, args, shared, stream, false);
}
API cudaError_t cudaLaunchCooperativeKernel(const void* host, dim3 grid, dim3 block, void** args, size_t shared,
                                            cudaStream_t stream) {
  return launch_kernel(find_kernel(host), grid, block, args, shared, stream, true);
}

// Attributes that only change speed are accepted; those that change meaning are done or refused.
API cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* host, void** args) {
  if (!config || (config->numAttrs && !config->attrs)) return set_error(cudaErrorInvalidValue);
  bool cooperative = false;
  cudaEvent_t completion = nullptr;
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const cudaLaunchAttribute& a = config->attrs[i];
    switch (a.id) {
      case cudaLaunchAttributeIgnore:
      case cudaLaunchAttributePriority:
      case cudaLaunchAttributeAccessPolicyWindow:
      case cudaLaunchAttributeSynchronizationPolicy:
      case cudaLaunchAttributeClusterSchedulingPolicyPreference:
      case cudaLaunchAttributeProgrammaticStreamSerialization:
      case cudaLaunchAttributeMemSyncDomain:
      case cudaLaunchAttributeMemSyncDomainMap:
      case cudaLaunchAttributePreferredSharedMemoryCarveout: break;
      case cudaLaunchAttributeCooperative: cooperative = a.val.cooperative != 0; break;
      case cudaLaunchAttributeLaunchCompletionEvent: completion = a.val.launchCompletionEvent.event; break;
      case cudaLaunchAttributeProgrammaticEvent: completion = a.val.programmaticEvent.event; break;
      case cudaLaunchAttributeClusterDimension:
        if (a.val.clusterDim.x * a.val.clusterDim.y * a.val.clusterDim.z > 1)
          return unsupported_call("cudaLaunchKernelExC with thread block clusters");
        break;
      default:
        return unsupported_call(("cudaLaunchKernelExC with launch attribute " + std::to_string(int(a.id))).c_str());
    }
  }
  const cudaError_t e = launch_kernel(find_kernel(host), config->gridDim, config->blockDim, args,
                                      config->dynamicSmemBytes, config->stream, cooperative);
  return e == cudaSuccess && completion ? cudaEventRecord(completion, config->stream) : e;
}

// ---- Kernel attributes and occupancy.
API cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, const void* host) {
  KernelEntry* k = find_kernel(host);
  Function* f = k ? function_of(k) : nullptr;
  if (!f) return set_error(cudaErrorInvalidDeviceFunction);
  *a = cudaFuncAttributes{};
  a->sharedSizeBytes = f->static_shared;
  a->localSizeBytes = f->local_bytes;
  a->maxThreadsPerBlock = f->bounds.maxntid ? int(f->bounds.maxntid) : 1024;
  a->numRegs = int(registers_of(k, *f));
  a->ptxVersion = a->binaryVersion = int(device_arch());
  a->maxDynamicSharedSizeBytes = int(k->dynamic_shared_limit[size_t(current_device())]);
  return cudaSuccess;
}
API cudaError_t cudaFuncSetAttribute(const void* host, cudaFuncAttribute attr, int value) {
  KernelEntry* k = find_kernel(host);
  if (!k) return set_error(cudaErrorInvalidDeviceFunction);
  if (attr == cudaFuncAttributeMaxDynamicSharedMemorySize) {
    Function* f = function_of(k);
    if (!f) return set_error(cudaErrorInvalidDeviceFunction);
    if (value < 0 || size_t(value) + f->static_shared > device_properties().sharedMemPerBlockOptin)
      return set_error(cudaErrorInvalidValue);
    k->dynamic_shared_limit[size_t(current_device())] = uint32_t(value);
  }
  return cudaSuccess;
}
API cudaError_t cudaFuncSetCacheConfig(const void*, cudaFuncCache) {
  return cudaSuccess;
}
API cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* host, int threads,
                                                                       size_t dynamic, unsigned) {
  KernelEntry* k = find_kernel(host);
  Function* f = k ? function_of(k) : nullptr;
  if (!f) return set_error(cudaErrorInvalidDeviceFunction);
  *blocks = occupancy(uint32_t(threads), registers_of(k, *f), f->static_shared + dynamic);
  return cudaSuccess;
}
API cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* host, int threads,
                                                              size_t dynamic) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, host, threads, dynamic, 0);
}
API cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(size_t* bytes, const void* host, int blocks, int threads) {
  KernelEntry* k = find_kernel(host);
  Function* f = k ? function_of(k) : nullptr;
  if (!f) return set_error(cudaErrorInvalidDeviceFunction);
  if (blocks < 1 || threads < 1) return set_error(cudaErrorInvalidValue);
  const size_t limit = device_properties().sharedMemPerBlockOptin;
  size_t best = 0;
  for (size_t n = 0; n + f->static_shared <= limit; n += 128)  // in steps of the allocation granularity
    if (occupancy(uint32_t(threads), registers_of(k, *f), f->static_shared + n) >= blocks) best = n;
  *bytes = best;
  return cudaSuccess;
}
API cudaError_t cudaFuncGetName(const char** name, const void* host) {
  const KernelEntry* k = find_kernel(host);
  if (!k) return set_error(cudaErrorInvalidDeviceFunction);
  *name = k->name.c_str();
  return cudaSuccess;
}
API cudaError_t cudaFuncGetParamInfo(const void* host, size_t index, size_t* offset, size_t* size) {
  KernelEntry* k = find_kernel(host);
  const Function* f = k ? function_of(k) : nullptr;
  if (!f) return set_error(cudaErrorInvalidDeviceFunction);
  if (index >= f->params.size()) return set_error(cudaErrorInvalidValue);
  *offset = f->params[index].offset;
  if (size) *size = f->params[index].size;
  return cudaSuccess;
}
API cudaError_t cudaGetFuncBySymbol(cudaFunction_t* function, const void* host) {
  *function = reinterpret_cast<cudaFunction_t>(find_kernel(host));
  return set_error(*function ? cudaSuccess : cudaErrorInvalidDeviceFunction);
}
