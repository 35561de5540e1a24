// Stream-ordered allocation and memory pools. A pool counts what it handed out; its memory goes back at once.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <unordered_set>

#include "runtime/access.h"
#include "runtime/device.h"
#include "runtime/process.h"
#include "runtime/stream.h"
#include "sim/memory.h"
#include "sim/options.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

namespace {
struct Pool {
  uint64_t threshold = 0, used = 0, used_high = 0;
  int reuse_event = 1, reuse_opportunistic = 1, reuse_internal = 1;
};
struct Pools {
  Pool first;  // the device's default pool
  Pool* current = &first;
  std::unordered_set<Pool*> all{&first};
  std::map<const void*, Pool*> owner;
};
Pools& pools() {
  static auto* p = new Pools;
  return *p;
}
Pool* pool_of(cudaMemPool_t handle) {
  Pool* p = reinterpret_cast<Pool*>(handle);
  return pools().all.count(p) ? p : nullptr;
}

cudaError_t allocate(void** p, size_t bytes, Pool* pool, cudaStream_t stream) {
  std::lock_guard lock(runtime_mutex());
  const Stream* s = stream_of(stream);
  if (!s) return set_error(cudaErrorInvalidResourceHandle);
  if (!p || !pool) return set_error(cudaErrorInvalidValue);
  if (s->capture) return unsupported_call("cudaMallocAsync on a captured stream (allocate before the capture)");
  *p = nullptr;
  if (bytes == 0) return cudaSuccess;
  const uint64_t a = DeviceMemory::get().allocate(bytes, AllocKind::kDevice, s->device());
  if (!a) return set_error(cudaErrorMemoryAllocation);
  if (options().any_checks()) std::memset(DeviceMemory::get().host(a), 0xFF, std::min<size_t>(bytes, 64 << 20));
  *p = reinterpret_cast<void*>(a);
  pool->used += bytes;
  pool->used_high = std::max(pool->used_high, pool->used);
  pools().owner[*p] = pool;
  return cudaSuccess;
}

cudaError_t release(void* p) {
  const Allocation* a = DeviceMemory::get().find(address_bits(p));
  const uint64_t bytes = a ? a->size : 0;
  if (!DeviceMemory::get().release(address_bits(p))) {
    Finding f;
    f.check = Check::kInvalidFree;
    f.address = address_bits(p);
    f.text = "cudaFreeAsync of a pointer that no live allocation starts at (" +
             DeviceMemory::get().describe(address_bits(p)) + ").";
    report(std::move(f));
    return cudaErrorInvalidValue;
  }
  const auto it = pools().owner.find(p);
  if (it != pools().owner.end()) {
    it->second->used -= std::min(bytes, it->second->used);
    pools().owner.erase(it);
  }
  return cudaSuccess;
}
}  // namespace

API cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t s) {
  return allocate(p, bytes, pools().current, s);
}
API cudaError_t cudaMallocFromPoolAsync(void** p, size_t bytes, cudaMemPool_t pool, cudaStream_t s) {
  return allocate(p, bytes, pool_of(pool), s);
}
API cudaError_t cudaFreeAsync(void* p, cudaStream_t s) {
  if (!p) return cudaSuccess;
  return set_error(enqueue(s, cudaGraphNodeTypeMemFree, [p] { return release(p); }));
}
API cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  if (device < 0 || device >= device_count()) return set_error(cudaErrorInvalidDevice);
  *pool = reinterpret_cast<cudaMemPool_t>(&pools().first);
  return cudaSuccess;
}
API cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device) {
  if (device < 0 || device >= device_count()) return set_error(cudaErrorInvalidDevice);
  *pool = reinterpret_cast<cudaMemPool_t>(pools().current);
  return cudaSuccess;
}
API cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool) {
  if (device < 0 || device >= device_count()) return set_error(cudaErrorInvalidDevice);
  if (!pool_of(pool)) return set_error(cudaErrorInvalidValue);
  pools().current = pool_of(pool);
  return cudaSuccess;
}
API cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* props) {
  if (!pool || !props || props->allocType != cudaMemAllocationTypePinned) return set_error(cudaErrorInvalidValue);
  if (props->location.type != cudaMemLocationTypeDevice)
    return unsupported_call("cudaMemPoolCreate for memory that is not the device's");
  auto* p = new Pool;
  pools().all.insert(p);
  *pool = reinterpret_cast<cudaMemPool_t>(p);
  return cudaSuccess;
}
API cudaError_t cudaMemPoolDestroy(cudaMemPool_t handle) {
  Pool* p = pool_of(handle);
  if (!p || p == &pools().first) return set_error(cudaErrorInvalidValue);
  if (pools().current == p) pools().current = &pools().first;
  std::erase_if(pools().owner, [&](const auto& entry) { return entry.second == p; });
  pools().all.erase(p);
  delete p;
  return cudaSuccess;
}
API cudaError_t cudaMemPoolTrimTo(cudaMemPool_t handle, size_t) {
  return set_error(pool_of(handle) ? cudaSuccess : cudaErrorInvalidValue);
}
API cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t handle, cudaMemPoolAttr attr, void* value) {
  Pool* p = pool_of(handle);
  if (!p || !value) return set_error(cudaErrorInvalidValue);
  switch (attr) {
    case cudaMemPoolAttrReleaseThreshold: p->threshold = *static_cast<uint64_t*>(value); return cudaSuccess;
    case cudaMemPoolReuseFollowEventDependencies: p->reuse_event = *static_cast<int*>(value); return cudaSuccess;
    case cudaMemPoolReuseAllowOpportunistic: p->reuse_opportunistic = *static_cast<int*>(value); return cudaSuccess;
    case cudaMemPoolReuseAllowInternalDependencies: p->reuse_internal = *static_cast<int*>(value); return cudaSuccess;
    case cudaMemPoolAttrUsedMemHigh:
    case cudaMemPoolAttrReservedMemHigh:
      if (*static_cast<uint64_t*>(value) != 0) return set_error(cudaErrorInvalidValue);
      p->used_high = p->used;
      return cudaSuccess;
    default: return set_error(cudaErrorInvalidValue);
  }
}
API cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t handle, cudaMemPoolAttr attr, void* value) {
  const Pool* p = pool_of(handle);
  if (!p || !value) return set_error(cudaErrorInvalidValue);
  switch (attr) {
    case cudaMemPoolAttrReleaseThreshold: *static_cast<uint64_t*>(value) = p->threshold; return cudaSuccess;
    case cudaMemPoolReuseFollowEventDependencies: *static_cast<int*>(value) = p->reuse_event; return cudaSuccess;
    case cudaMemPoolReuseAllowOpportunistic: *static_cast<int*>(value) = p->reuse_opportunistic; return cudaSuccess;
    case cudaMemPoolReuseAllowInternalDependencies: *static_cast<int*>(value) = p->reuse_internal; return cudaSuccess;
    case cudaMemPoolAttrReservedMemCurrent:
    case cudaMemPoolAttrUsedMemCurrent: *static_cast<uint64_t*>(value) = p->used; return cudaSuccess;
    case cudaMemPoolAttrReservedMemHigh:
    case cudaMemPoolAttrUsedMemHigh: *static_cast<uint64_t*>(value) = p->used_high; return cudaSuccess;
    default: return set_error(cudaErrorInvalidValue);
  }
}
