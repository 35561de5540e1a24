// cp.async: copies from global to shared memory that no register waits for. The L1 cache is bypassed (.cg).
//
// A copy belongs to the group that the next commit closes; wait<n>() returns when all but the newest n groups of this
// thread have landed. Other threads see the bytes after a barrier that follows the wait.
#pragma once

#include <cstdint>

namespace sclip::cuda {

__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// 16 bytes, both addresses 16-byte aligned. With `valid` false nothing is read and zeros are written.
__device__ __forceinline__ void copy_async_16(uint32_t shared, const void* global, bool valid = true) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global), "r"(valid ? 16 : 0)
               : "memory");
}

__device__ __forceinline__ void copy_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int kNewest>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kNewest) : "memory");
}

}  // namespace sclip::cuda
