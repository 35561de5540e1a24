// Allocation, copies, fills, symbols.
#include <cuda_runtime_api.h>

#include <cstring>
#include <vector>

#include "runtime/process.h"
#include "runtime/registry.h"
#include "runtime/stream.h"
#include "sim/memory.h"
#include "sim/options.h"
#include "sim/report.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

namespace {

DeviceMemory& memory() { return DeviceMemory::get(); }
uint64_t bits(const void* p) { return reinterpret_cast<uint64_t>(p); }
bool is_device(const void* p) { return bits(p) - memory().base() < (kSlotCount << kSlotShift); }

cudaError_t bad_access(const char* call, const char* role, const void* p, size_t bytes) {
  Finding f;
  f.check = Check::kOutOfBounds;
  const Allocation* a = memory().nearest(bits(p));
  if (a && a->freed && bits(p) >= a->address && bits(p) < a->address + a->size) f.check = Check::kUseAfterFree;
  f.address = bits(p);
  char at[32];
  std::snprintf(at, sizeof at, "0x%llx", static_cast<unsigned long long>(bits(p)));
  f.text = std::string(call) + ": the " + role + " of " + std::to_string(bytes) + " bytes at " + at + " does not lie inside an allocation: it begins " + memory().describe(bits(p)) + ".";
  report(std::move(f));
  return cudaErrorInvalidValue;
}

// The readable place of a pointer that a copy may use: device memory through its mapping, host memory as it is.
uint8_t* place(const void* p) { return is_device(p) ? memory().host(bits(p)) : static_cast<uint8_t*>(const_cast<void*>(p)); }
cudaError_t check_range(const char* call, const char* role, const void* p, size_t bytes) {
  if (bytes && is_device(p) && !memory().find(bits(p), bytes)) return bad_access(call, role, p, bytes);
  return cudaSuccess;
}
cudaError_t check_kind(const char* call, void* dst, const void* src, cudaMemcpyKind kind) {
  auto visible = [](const void* p) { const Allocation* a = memory().find(bits(p)); return a && (a->kind == AllocKind::kHost || a->kind == AllocKind::kManaged); };
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind == cudaMemcpyDefault) return cudaSuccess;
  const char* wrong = nullptr;
  if (to_device != is_device(dst) && !visible(dst)) wrong = "destination";
  else if (from_device != is_device(src) && !visible(src)) wrong = "source";
  if (!wrong) return cudaSuccess;
  Finding f;
  f.check = Check::kHostAccess;
  f.text = std::string(call) + ": the " + wrong + " pointer does not fit the direction of the copy (cudaMemcpyKind " + std::to_string(int(kind)) + ").";
  report(std::move(f));
  return cudaErrorInvalidValue;
}

struct Rect { void* dst; size_t dst_pitch; const void* src; size_t src_pitch, width, height; };

cudaError_t copy(const char* call, Rect r, cudaMemcpyKind kind, cudaStream_t stream, bool async) {
  if (r.width == 0 || r.height == 0) return cudaSuccess;
  if (r.height > 1 && (r.width > r.dst_pitch || r.width > r.src_pitch)) return set_error(cudaErrorInvalidPitchValue);
  cudaError_t e = check_kind(call, r.dst, r.src, kind);
  if (e == cudaSuccess) e = check_range(call, "destination", r.dst, r.dst_pitch * (r.height - 1) + r.width);
  if (e == cudaSuccess) e = check_range(call, "source", r.src, r.src_pitch * (r.height - 1) + r.width);
  if (e != cudaSuccess) return set_error(e);
  // A pageable source is staged before an asynchronous copy returns; everything else is read when the copy runs.
  std::shared_ptr<std::vector<uint8_t>> staged;
  if (async && !is_device(r.src) && !memory().host_registered(bits(r.src), 1)) {
    staged = std::make_shared<std::vector<uint8_t>>(r.width * r.height);
    for (size_t y = 0; y < r.height; ++y) std::memcpy(staged->data() + y * r.width, static_cast<const uint8_t*>(r.src) + y * r.src_pitch, r.width);
    r.src = staged->data();
    r.src_pitch = r.width;
  }
  e = enqueue(stream, {"memcpy", [r, staged, call] {
    cudaError_t late = check_range(call, "destination", r.dst, r.dst_pitch * (r.height - 1) + r.width);
    if (late == cudaSuccess && !staged) late = check_range(call, "source", r.src, r.src_pitch * (r.height - 1) + r.width);
    if (late != cudaSuccess) return late;
    for (size_t y = 0; y < r.height; ++y) std::memmove(place(r.dst) + y * r.dst_pitch, place(r.src) + y * r.src_pitch, r.width);
    return cudaSuccess;
  }});
  if (e == cudaSuccess && !async) e = synchronize(stream);
  return set_error(e);
}

cudaError_t fill(const char* call, void* p, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream, bool async) {
  if (width == 0 || height == 0) return cudaSuccess;
  if (!is_device(p) && !memory().host_registered(bits(p), 1)) return set_error(bad_access(call, "destination", p, width));
  cudaError_t e = check_range(call, "destination", p, pitch * (height - 1) + width);
  if (e != cudaSuccess) return set_error(e);
  e = enqueue(stream, {"memset", [=] {
    if (cudaError_t late = check_range(call, "destination", p, pitch * (height - 1) + width); late != cudaSuccess) return late;
    for (size_t y = 0; y < height; ++y) std::memset(place(p) + y * pitch, value, width);
    return cudaSuccess;
  }});
  if (e == cudaSuccess && !async) e = synchronize(stream);
  return set_error(e);
}

cudaError_t allocate(void** p, size_t bytes, AllocKind kind) {
  if (!p) return set_error(cudaErrorInvalidValue);
  *p = nullptr;
  if (bytes == 0) return cudaSuccess;
  const uint64_t a = memory().allocate(bytes, kind);
  if (!a) return set_error(cudaErrorMemoryAllocation);
  if (kind == AllocKind::kDevice && options().any_checks()) std::memset(memory().host(a), 0xFF, std::min<size_t>(bytes, 64 << 20));
  *p = reinterpret_cast<void*>(a);
  return cudaSuccess;
}

cudaError_t release(const char* call, void* p) {
  if (!p) return cudaSuccess;
  if (memory().release(bits(p))) return cudaSuccess;
  Finding f;
  f.check = Check::kInvalidFree;
  f.address = bits(p);
  f.text = std::string(call) + " of a pointer that no live allocation starts at (" + memory().describe(bits(p)) + ").";
  report(std::move(f));
  return set_error(cudaErrorInvalidValue);
}

}  // namespace

API cudaError_t cudaMalloc(void** p, size_t bytes) { return allocate(p, bytes, AllocKind::kDevice); }
API cudaError_t cudaFree(void* p) {
  if (p) synchronize_all();  // the real call waits for the device too
  return release("cudaFree", p);
}
API cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t) { return allocate(p, bytes, AllocKind::kDevice); }
API cudaError_t cudaFreeAsync(void* p, cudaStream_t s) {
  if (!p) return cudaSuccess;
  return set_error(enqueue(s, {"free", [p] { return release("cudaFreeAsync", p); }}));
}
API cudaError_t cudaMallocHost(void** p, size_t bytes) { return allocate(p, bytes, AllocKind::kHost); }
API cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) { return allocate(p, bytes, AllocKind::kHost); }
API cudaError_t cudaFreeHost(void* p) { return release("cudaFreeHost", p); }
API cudaError_t cudaMallocManaged(void** p, size_t bytes, unsigned) { return allocate(p, bytes, AllocKind::kManaged); }
API cudaError_t cudaHostRegister(void* p, size_t bytes, unsigned) { memory().register_host(p, bytes); return cudaSuccess; }
API cudaError_t cudaHostUnregister(void* p) { return set_error(memory().unregister_host(p) ? cudaSuccess : cudaErrorHostMemoryNotRegistered); }
API cudaError_t cudaHostGetDevicePointer(void** d, void* h, unsigned) { *d = h; return cudaSuccess; }
API cudaError_t cudaMallocPitch(void** p, size_t* pitch, size_t width, size_t height) {
  *pitch = (width + 511) / 512 * 512;
  return allocate(p, *pitch * height, AllocKind::kDevice);
}
API cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = 80ull << 30;
  *free = *total - memory().used();
  return cudaSuccess;
}
API cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* p) {
  *a = cudaPointerAttributes{};
  const Allocation* al = memory().find(bits(p));
  if (!al) {
    a->type = memory().host_registered(bits(p), 1) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
    a->hostPointer = const_cast<void*>(p);
    return cudaSuccess;
  }
  a->type = al->kind == AllocKind::kHost ? cudaMemoryTypeHost : al->kind == AllocKind::kManaged ? cudaMemoryTypeManaged : cudaMemoryTypeDevice;
  a->devicePointer = const_cast<void*>(p);
  if (al->kind == AllocKind::kHost || al->kind == AllocKind::kManaged) a->hostPointer = const_cast<void*>(p);
  return cudaSuccess;
}

API cudaError_t cudaMemcpy(void* d, const void* s, size_t n, cudaMemcpyKind k) { return copy("cudaMemcpy", {d, n, s, n, n, 1}, k, nullptr, false); }
API cudaError_t cudaMemcpyAsync(void* d, const void* s, size_t n, cudaMemcpyKind k, cudaStream_t st) { return copy("cudaMemcpyAsync", {d, n, s, n, n, 1}, k, st, true); }
API cudaError_t cudaMemcpy2D(void* d, size_t dp, const void* s, size_t sp, size_t w, size_t h, cudaMemcpyKind k) { return copy("cudaMemcpy2D", {d, dp, s, sp, w, h}, k, nullptr, false); }
API cudaError_t cudaMemcpy2DAsync(void* d, size_t dp, const void* s, size_t sp, size_t w, size_t h, cudaMemcpyKind k, cudaStream_t st) { return copy("cudaMemcpy2DAsync", {d, dp, s, sp, w, h}, k, st, true); }
API cudaError_t cudaMemset(void* p, int v, size_t n) { return fill("cudaMemset", p, n, v, n, 1, nullptr, false); }
API cudaError_t cudaMemsetAsync(void* p, int v, size_t n, cudaStream_t s) { return fill("cudaMemsetAsync", p, n, v, n, 1, s, true); }
API cudaError_t cudaMemset2D(void* p, size_t pitch, int v, size_t w, size_t h) { return fill("cudaMemset2D", p, pitch, v, w, h, nullptr, false); }
API cudaError_t cudaMemset2DAsync(void* p, size_t pitch, int v, size_t w, size_t h, cudaStream_t s) { return fill("cudaMemset2DAsync", p, pitch, v, w, h, s, true); }
API cudaError_t cudaMemPrefetchAsync(const void*, size_t, cudaMemLocation, unsigned, cudaStream_t) { return cudaSuccess; }
API cudaError_t cudaMemAdvise(const void*, size_t, cudaMemoryAdvise, cudaMemLocation) { return cudaSuccess; }

static cudaError_t symbol(const void* sym, size_t bytes, size_t offset, uint64_t* address) {
  VarEntry* v = find_var(sym);
  if (!v || !(*address = address_of(v))) return set_error(cudaErrorInvalidSymbol);
  if (offset + bytes > v->size) return set_error(cudaErrorInvalidValue);
  *address += offset;
  return cudaSuccess;
}
API cudaError_t cudaMemcpyToSymbolAsync(const void* sym, const void* src, size_t n, size_t off, cudaMemcpyKind k, cudaStream_t st) {
  uint64_t a;
  if (cudaError_t e = symbol(sym, n, off, &a); e != cudaSuccess) return e;
  return copy("cudaMemcpyToSymbol", {reinterpret_cast<void*>(a), n, src, n, n, 1}, k, st, true);
}
API cudaError_t cudaMemcpyFromSymbolAsync(void* dst, const void* sym, size_t n, size_t off, cudaMemcpyKind k, cudaStream_t st) {
  uint64_t a;
  if (cudaError_t e = symbol(sym, n, off, &a); e != cudaSuccess) return e;
  return copy("cudaMemcpyFromSymbol", {dst, n, reinterpret_cast<void*>(a), n, n, 1}, k, st, true);
}
API cudaError_t cudaMemcpyToSymbol(const void* sym, const void* src, size_t n, size_t off, cudaMemcpyKind k) {
  const cudaError_t e = cudaMemcpyToSymbolAsync(sym, src, n, off, k, nullptr);
  return e != cudaSuccess ? e : set_error(synchronize(nullptr));
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
