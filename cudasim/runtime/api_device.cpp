// Devices, errors, versions.
#include <cuda_runtime_api.h>

#include <cstdio>

#include "runtime/capture.h"
#include "runtime/device.h"
#include "runtime/process.h"
#include "runtime/stream.h"
#include "sim/memory.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

static bool exists(int device) {
  return device >= 0 && device < device_count();
}

API cudaError_t cudaGetDeviceCount(int* n) {
  *n = device_count();
  return cudaSuccess;
}
API cudaError_t cudaGetDevice(int* d) {
  *d = current_device();
  return cudaSuccess;
}
API cudaError_t cudaSetDevice(int d) {
  return set_error(set_current_device(d) ? cudaSuccess : cudaErrorInvalidDevice);
}
API cudaError_t cudaInitDevice(int d, unsigned, unsigned) {
  return set_error(exists(d) ? cudaSuccess : cudaErrorInvalidDevice);
}
API cudaError_t cudaSetDeviceFlags(unsigned) {
  return cudaSuccess;
}
API cudaError_t cudaGetDeviceFlags(unsigned* f) {
  *f = 0;
  return cudaSuccess;
}
API cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int d) {
  if (!exists(d)) return set_error(cudaErrorInvalidDevice);
  *p = device_properties();
  return cudaSuccess;
}
API cudaError_t cudaDeviceGetAttribute(int* v, cudaDeviceAttr a, int d) {
  return exists(d) ? device_attribute(v, a) : set_error(cudaErrorInvalidDevice);
}
API cudaError_t cudaDeviceSynchronize() {
  std::lock_guard lock(runtime_mutex());
  const cudaError_t e = synchronize_during_capture();
  return set_error(e != cudaSuccess ? e : synchronize_device(current_device()));
}
API cudaError_t cudaDeviceReset() {
  return set_error(synchronize_device(current_device()));
}
API cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
API cudaError_t cudaDeviceSetLimit(cudaLimit, size_t) {
  return cudaSuccess;
}
API cudaError_t cudaDeviceGetLimit(size_t* v, cudaLimit l) {
  *v = l == cudaLimitStackSize ? 32768 : l == cudaLimitMallocHeapSize ? 8 << 20 : 1 << 20;
  return cudaSuccess;
}
API cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache) {
  return cudaSuccess;
}
API cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) {
  *can = 0;
  return cudaSuccess;
}
API cudaError_t cudaDeviceGetPCIBusId(char* s, int n, int d) {
  if (!exists(d)) return set_error(cudaErrorInvalidDevice);
  std::snprintf(s, size_t(n), "0000:%02x:00.0", unsigned(d));
  return cudaSuccess;
}
API cudaError_t cudaRuntimeGetVersion(int* v) {
  *v = CUDART_VERSION;
  return cudaSuccess;
}
API cudaError_t cudaDriverGetVersion(int* v) {
  *v = CUDART_VERSION;
  return cudaSuccess;
}
API cudaError_t cudaGetLastError() {
  return last_error(true);
}
API cudaError_t cudaPeekAtLastError() {
  return last_error(false);
}
API cudaError_t cudaProfilerStart() {
  return cudaSuccess;
}
API cudaError_t cudaProfilerStop() {
  return cudaSuccess;
}
