// Devices, errors, versions.
#include <cuda_runtime_api.h>

#include <cstring>

#include "runtime/device.h"
#include "runtime/process.h"
#include "runtime/stream.h"
#include "sim/memory.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

API cudaError_t cudaGetDeviceCount(int* n) { *n = 1; return cudaSuccess; }
API cudaError_t cudaGetDevice(int* d) { *d = 0; return cudaSuccess; }
API cudaError_t cudaSetDevice(int d) { return set_error(d == 0 ? cudaSuccess : cudaErrorInvalidDevice); }
API cudaError_t cudaInitDevice(int d, unsigned, unsigned) { return set_error(d == 0 ? cudaSuccess : cudaErrorInvalidDevice); }
API cudaError_t cudaSetDeviceFlags(unsigned) { return cudaSuccess; }
API cudaError_t cudaGetDeviceFlags(unsigned* f) { *f = 0; return cudaSuccess; }
API cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int d) {
  if (d != 0) return set_error(cudaErrorInvalidDevice);
  *p = device_properties();
  return cudaSuccess;
}
API cudaError_t cudaDeviceGetAttribute(int* v, cudaDeviceAttr a, int d) { return d == 0 ? device_attribute(v, a) : set_error(cudaErrorInvalidDevice); }
API cudaError_t cudaDeviceSynchronize() { return set_error(synchronize_all()); }
API cudaError_t cudaDeviceReset() { return set_error(synchronize_all()); }
API cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) { *least = 0; *greatest = -5; return cudaSuccess; }
API cudaError_t cudaDeviceSetLimit(cudaLimit, size_t) { return cudaSuccess; }
API cudaError_t cudaDeviceGetLimit(size_t* v, cudaLimit l) { *v = l == cudaLimitStackSize ? 32768 : l == cudaLimitMallocHeapSize ? 8 << 20 : 1 << 20; return cudaSuccess; }
API cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache) { return cudaSuccess; }
API cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) { *can = 0; return cudaSuccess; }
API cudaError_t cudaDeviceGetPCIBusId(char* s, int n, int) { std::strncpy(s, "0000:00:00.0", size_t(n)); return cudaSuccess; }
API cudaError_t cudaRuntimeGetVersion(int* v) { *v = CUDART_VERSION; return cudaSuccess; }
API cudaError_t cudaDriverGetVersion(int* v) { *v = CUDART_VERSION; return cudaSuccess; }
API cudaError_t cudaGetLastError() { return last_error(true); }
API cudaError_t cudaPeekAtLastError() { return last_error(false); }
API cudaError_t cudaProfilerStart() { return cudaSuccess; }
API cudaError_t cudaProfilerStop() { return cudaSuccess; }

namespace {
struct ErrorText { cudaError_t e; const char* name; const char* text; };
#define E(n, t) {n, #n, t}
constexpr ErrorText kErrors[] = {
    E(cudaSuccess, "no error"), E(cudaErrorInvalidValue, "invalid argument"), E(cudaErrorMemoryAllocation, "out of memory"),
    E(cudaErrorInitializationError, "initialization error"), E(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    E(cudaErrorInvalidPitchValue, "invalid pitch argument"), E(cudaErrorInvalidSymbol, "invalid device symbol"),
    E(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"), E(cudaErrorInvalidDeviceFunction, "invalid device function"),
    E(cudaErrorMissingConfiguration, "__global__ function call is not configured"), E(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    E(cudaErrorInvalidDevice, "invalid device ordinal"), E(cudaErrorInvalidKernelImage, "device kernel image is invalid"),
    E(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device"),
    E(cudaErrorInvalidResourceHandle, "invalid resource handle"), E(cudaErrorNotReady, "device not ready"),
    E(cudaErrorIllegalAddress, "an illegal memory access was encountered"), E(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    E(cudaErrorLaunchTimeout, "the launch timed out and was terminated"), E(cudaErrorAssert, "device-side assert triggered"),
    E(cudaErrorHostMemoryAlreadyRegistered, "part or all of the requested memory range is already mapped"),
    E(cudaErrorHostMemoryNotRegistered, "pointer does not correspond to a registered memory region"), E(cudaErrorMisalignedAddress, "misaligned address"),
    E(cudaErrorLaunchFailure, "unspecified launch failure"), E(cudaErrorCooperativeLaunchTooLarge, "too many blocks in cooperative launch"),
    E(cudaErrorNotSupported, "operation not supported"), E(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    E(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture"), E(cudaErrorNotPermitted, "operation not permitted"),
    E(cudaErrorGraphExecUpdateFailure, "the graph update was not performed because it included changes which violated constraints specific to instantiated graph update"),
    E(cudaErrorUnknown, "unknown error"),
};
#undef E
}  // namespace

API const char* cudaGetErrorName(cudaError_t e) {
  for (const ErrorText& t : kErrors) if (t.e == e) return t.name;
  return "unrecognized error code";
}
API const char* cudaGetErrorString(cudaError_t e) {
  for (const ErrorText& t : kErrors) if (t.e == e) return t.text;
  return "unrecognized error code";
}
