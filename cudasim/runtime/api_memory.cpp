// Allocation, copies, fills, symbols.
#include <cuda_runtime_api.h>

#include <cstring>
#include <vector>

#include "runtime/access.h"
#include "runtime/capture.h"
#include "runtime/device.h"
#include "runtime/process.h"
#include "runtime/registry.h"
#include "runtime/stream.h"
#include "sim/memory.h"
#include "sim/options.h"
#include "sim/report.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

namespace {

DeviceMemory& memory() {
  return DeviceMemory::get();
}

bool host_visible(const void* p) {
  const Allocation* a = memory().find(address_bits(p));
  return !a || a->kind == AllocKind::kHost || a->kind == AllocKind::kManaged;
}

bool on_device(const void* p) {
  const Allocation* a = memory().find(address_bits(p));
  return a && (a->kind == AllocKind::kDevice || a->kind == AllocKind::kGlobal);
}

bool capturing(cudaStream_t stream) {
  std::lock_guard lock(runtime_mutex());
  const Stream* s = stream_of(stream);
  return s && s->capture;
}

// A call without Async from pageable memory to the device: it waits for its stream, stages the bytes and returns. When
// they reach the device is told only to what its stream orders: not to a non-blocking one.
cudaError_t copy_staged(const char* call, void* dst, size_t dst_pitch, const void* src, size_t src_pitch, size_t width,
                        size_t height, cudaMemcpyKind kind) {
  cudaError_t e = synchronize(nullptr);
  if (e != cudaSuccess) return set_error(e);
  OpPtr op = make_copy(call, dst, dst_pitch, src, src_pitch, width, height, kind, true, &e);
  if (!op) return set_error(e);
  return set_error(enqueue_late(nullptr, std::move(op)));
}

cudaError_t copy(const char* call, void* dst, size_t dst_pitch, const void* src, size_t src_pitch, size_t width,
                 size_t height, cudaMemcpyKind kind, cudaStream_t stream, bool async) {
  if (width == 0 || height == 0) return cudaSuccess;
  if (!async && options().late_copies && is_pageable(src) && on_device(dst))
    return copy_staged(call, dst, dst_pitch, src, src_pitch, width, height, kind);
  const bool captured = capturing(stream);
  cudaError_t e;
  OpPtr op = make_copy(call, dst, dst_pitch, src, src_pitch, width, height, kind, async && !captured, &e);
  if (!op) return set_error(e);
  e = enqueue(stream, std::move(op));
  // A copy to pageable memory has finished when it returns, by CUDA's rules.
  if (e == cudaSuccess && (!async || (!captured && is_pageable(dst)))) e = synchronize(stream);
  return set_error(e);
}

cudaError_t fill(const char* call, void* p, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream,
                 bool async) {
  if (width == 0 || height == 0) return cudaSuccess;
  cudaMemsetParams params{};
  params.dst = p;
  params.pitch = pitch;
  params.value = unsigned(value);
  params.elementSize = 1;
  params.width = width;
  params.height = height;
  cudaError_t e;
  OpPtr op = make_fill(call, params, &e);
  if (op) e = enqueue(stream, std::move(op));
  // The host waits for a fill of memory that it can read, unless the call says async.
  if (e == cudaSuccess && !async && host_visible(p)) e = synchronize(stream);
  return set_error(e);
}

cudaError_t unsafe() {
  std::lock_guard lock(runtime_mutex());
  return set_error(unsafe_during_capture());
}

cudaError_t allocate(void** p, size_t bytes, AllocKind kind) {
  if (!p) return set_error(cudaErrorInvalidValue);
  *p = nullptr;
  if (const cudaError_t e = unsafe(); e != cudaSuccess) return e;
  if (bytes == 0) return cudaSuccess;
  const uint64_t a = memory().allocate(bytes, kind, current_device());
  if (!a) return set_error(cudaErrorMemoryAllocation);
  if (kind == AllocKind::kDevice && options().any_checks())
    std::memset(memory().host(a), 0xFF, std::min<size_t>(bytes, 64 << 20));
  *p = reinterpret_cast<void*>(a);
  return cudaSuccess;
}

cudaError_t release(const char* call, void* p) {
  if (!p) return cudaSuccess;
  if (memory().release(address_bits(p))) return cudaSuccess;
  Finding f;
  f.check = Check::kInvalidFree;
  f.address = address_bits(p);
  f.text = std::string(call) + " of a pointer that no live allocation starts at (" +
           memory().describe(address_bits(p)) + ").";
  report(std::move(f));
  return set_error(cudaErrorInvalidValue);
}

}  // namespace

API cudaError_t cudaMalloc(void** p, size_t bytes) {
  return allocate(p, bytes, AllocKind::kDevice);
}
API cudaError_t cudaFree(void* p) {
  if (!p) return cudaSuccess;
  if (const cudaError_t e = unsafe(); e != cudaSuccess) return e;
  const Allocation* a = memory().find(address_bits(p));
  synchronize_device(a ? a->owner : current_device());  // the real call waits for the device too
  return release("cudaFree", p);
}
API cudaError_t cudaMallocHost(void** p, size_t bytes) {
  return allocate(p, bytes, AllocKind::kHost);
}
API cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  return allocate(p, bytes, AllocKind::kHost);
}
API cudaError_t cudaFreeHost(void* p) {
  return release("cudaFreeHost", p);
}
API cudaError_t cudaMallocManaged(void** p, size_t bytes, unsigned) {
  return allocate(p, bytes, AllocKind::kManaged);
}
API cudaError_t cudaHostRegister(void* p, size_t bytes, unsigned) {
  memory().register_host(p, bytes);
  return cudaSuccess;
}
API cudaError_t cudaHostUnregister(void* p) {
  return set_error(memory().unregister_host(p) ? cudaSuccess : cudaErrorHostMemoryNotRegistered);
}
API cudaError_t cudaHostGetDevicePointer(void** d, void* h, unsigned) {
  *d = h;
  return cudaSuccess;
}
API cudaError_t cudaMallocPitch(void** p, size_t* pitch, size_t width, size_t height) {
  *pitch = (width + 511) / 512 * 512;
  return allocate(p, *pitch * height, AllocKind::kDevice);
}
API cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = device_properties().totalGlobalMem;
  *free = *total - memory().used(current_device());
  return cudaSuccess;
}
API cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* p) {
  *a = cudaPointerAttributes{};
  const Allocation* al = memory().find(address_bits(p));
  if (!al) {
    a->type = memory().host_registered(address_bits(p), 1) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
    a->hostPointer = const_cast<void*>(p);
    return cudaSuccess;
  }
  a->type = al->kind == AllocKind::kHost      ? cudaMemoryTypeHost
            : al->kind == AllocKind::kManaged ? cudaMemoryTypeManaged
                                              : cudaMemoryTypeDevice;
  a->device = al->owner;
  a->devicePointer = const_cast<void*>(p);
  if (al->kind == AllocKind::kHost || al->kind == AllocKind::kManaged) a->hostPointer = const_cast<void*>(p);
  return cudaSuccess;
}

API cudaError_t cudaMemcpy(void* d, const void* s, size_t n, cudaMemcpyKind k) {
  return copy("cudaMemcpy", d, n, s, n, n, 1, k, nullptr, false);
}
API cudaError_t cudaMemcpyAsync(void* d, const void* s, size_t n, cudaMemcpyKind k, cudaStream_t st) {
  return copy("cudaMemcpyAsync", d, n, s, n, n, 1, k, st, true);
}
API cudaError_t cudaMemcpy2D(void* d, size_t dp, const void* s, size_t sp, size_t w, size_t h, cudaMemcpyKind k) {
  return copy("cudaMemcpy2D", d, dp, s, sp, w, h, k, nullptr, false);
}
API cudaError_t cudaMemcpy2DAsync(void* d, size_t dp, const void* s, size_t sp, size_t w, size_t h, cudaMemcpyKind k,
                                  cudaStream_t st) {
  return copy("cudaMemcpy2DAsync", d, dp, s, sp, w, h, k, st, true);
}
API cudaError_t cudaMemset(void* p, int v, size_t n) {
  return fill("cudaMemset", p, n, v, n, 1, nullptr, false);
}
API cudaError_t cudaMemsetAsync(void* p, int v, size_t n, cudaStream_t s) {
  return fill("cudaMemsetAsync", p, n, v, n, 1, s, true);
}
API cudaError_t cudaMemset2D(void* p, size_t pitch, int v, size_t w, size_t h) {
  return fill("cudaMemset2D", p, pitch, v, w, h, nullptr, false);
}
API cudaError_t cudaMemset2DAsync(void* p, size_t pitch, int v, size_t w, size_t h, cudaStream_t s) {
  return fill("cudaMemset2DAsync", p, pitch, v, w, h, s, true);
}
API cudaError_t cudaMemPrefetchAsync(const void*, size_t, cudaMemLocation, unsigned, cudaStream_t) {
  return cudaSuccess;
}
API cudaError_t cudaMemAdvise(const void*, size_t, cudaMemoryAdvise, cudaMemLocation) {
  return cudaSuccess;
}

static cudaError_t symbol(const void* sym, size_t bytes, size_t offset, uint64_t* address) {
  VarEntry* v = find_var(sym);
  if (!v || !(*address = address_of(v))) return set_error(cudaErrorInvalidSymbol);
  if (offset + bytes > v->size) return set_error(cudaErrorInvalidValue);
  *address += offset;
  return cudaSuccess;
}
API cudaError_t cudaMemcpyToSymbolAsync(const void* sym, const void* src, size_t n, size_t off, cudaMemcpyKind k,
                                        cudaStream_t st) {
  uint64_t a;
  if (cudaError_t e = symbol(sym, n, off, &a); e != cudaSuccess) return e;
  return copy("cudaMemcpyToSymbol", reinterpret_cast<void*>(a), n, src, n, n, 1, k, st, true);
}
API cudaError_t cudaMemcpyFromSymbolAsync(void* dst, const void* sym, size_t n, size_t off, cudaMemcpyKind k,
                                          cudaStream_t st) {
  uint64_t a;
  if (cudaError_t e = symbol(sym, n, off, &a); e != cudaSuccess) return e;
  return copy("cudaMemcpyFromSymbol", dst, n, reinterpret_cast<void*>(a), n, n, 1, k, st, true);
}
API cudaError_t cudaMemcpyToSymbol(const void* sym, const void* src, size_t n, size_t off, cudaMemcpyKind k) {
  uint64_t a;
  if (cudaError_t e = symbol(sym, n, off, &a); e != cudaSuccess) return e;
  return copy("cudaMemcpyToSymbol", reinterpret_cast<void*>(a), n, src, n, n, 1, k, nullptr, false);
}
API cudaError_t cudaMemcpyFromSymbol(void* dst, const void* sym, size_t n, size_t off, cudaMemcpyKind k) {
  const cudaError_t e = cudaMemcpyFromSymbolAsync(dst, sym, n, off, k, nullptr);
  return e != cudaSuccess ? e : set_error(synchronize(nullptr));
}
API cudaError_t cudaGetSymbolAddress(void** p, const void* sym) {
  uint64_t a;
  if (cudaError_t e = symbol(sym, 0, 0, &a); e != cudaSuccess) return e;
  *p = reinterpret_cast<void*>(a);
  return cudaSuccess;
}
API cudaError_t cudaGetSymbolSize(size_t* n, const void* sym) {
  VarEntry* v = find_var(sym);
  if (!v) return set_error(cudaErrorInvalidSymbol);
  *n = v->size;
  return cudaSuccess;
}
