// Devices, errors, versions.
#include <cuda_runtime_api.h>

#include <cstring>

#include "runtime/capture.h"
#include "runtime/device.h"
#include "runtime/process.h"
#include "runtime/stream.h"
#include "sim/memory.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

API cudaError_t cudaGetDeviceCount(int* n) {
  *n = 1;
  return cudaSuccess;
}
API cudaError_t cudaGetDevice(int* d) {
  *d = 0;
  return cudaSuccess;
}
API cudaError_t cudaSetDevice(int d) {
  return set_error(d == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}
API cudaError_t cudaInitDevice(int d, unsigned, unsigned) {
  return set_error(d == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}
API cudaError_t cudaSetDeviceFlags(unsigned) {
  return cudaSuccess;
}
API cudaError_t cudaGetDeviceFlags(unsigned* f) {
  *f = 0;
  return cudaSuccess;
}
API cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int d) {
  if (d != 0) return set_error(cudaErrorInvalidDevice);
  *p = device_properties();
  return cudaSuccess;
}
API cudaError_t cudaDeviceGetAttribute(int* v, cudaDeviceAttr a, int d) {
  return d == 0 ? device_attribute(v, a) : set_error(cudaErrorInvalidDevice);
}
API cudaError_t cudaDeviceSynchronize() {
  std::lock_guard lock(runtime_mutex());
  const cudaError_t e = synchronize_during_capture();
  return set_error(e != cudaSuccess ? e : synchronize_all());
}
API cudaError_t cudaDeviceReset() {
  return set_error(synchronize_all());
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
API cudaError_t cudaDeviceGetPCIBusId(char* s, int n, int) {
  std::strncpy(s, "0000:00:00.0", size_t(n));
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
