// Hopper's instructions, as far as the test programs use them, and tensor maps.
#pragma once
#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>

inline CUresult encode_map(CUtensorMap* map, CUtensorMapDataType type, void* data, cuuint64_t columns, cuuint64_t rows,
                           cuuint64_t stride, cuuint32_t box_columns, cuuint32_t box_rows,
                           CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found;
  if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found) !=
      cudaSuccess)
    return CUDA_ERROR_NOT_FOUND;
  const cuuint64_t extents[] = {columns, rows};
  const cuuint32_t box[] = {box_columns, box_rows}, steps[] = {1, 1};
  return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function)(
      map, type, 2, data, extents, &stride, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
      CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
}

#define DEVICE __device__ __forceinline__

DEVICE uint32_t shared_address(const void* p) {
  return uint32_t(__cvta_generic_to_shared(p));
}
DEVICE void barrier_init(uint64_t* b, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(count) : "memory");
}
DEVICE void init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
DEVICE void expect(uint64_t* b, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(b)), "r"(bytes)
               : "memory");
}
DEVICE void proxy_fence() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
DEVICE void commit() {
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}
DEVICE void wait_read() {
  asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

// Macros, so that a report names the line of the case.
#define WAIT(b, parity)                                                                                       \
  asm volatile(                                                                                               \
      "{ .reg .pred p; again: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1; @p bra done; bra again; " \
      "done: }" ::"r"(shared_address(b)),                                                                     \
      "r"(parity)                                                                                             \
      : "memory")
#define LOAD(to, map, x, y, b)                                                                                  \
  asm volatile(                                                                                                 \
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], " \
      "[%4];" ::"r"(shared_address(to)),                                                                        \
      "l"(&map), "r"(x), "r"(y), "r"(shared_address(b))                                                         \
      : "memory")
#define STORE(map, from, x, y)                                                                                         \
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&map), "r"(x), \
               "r"(y), "r"(shared_address(from))                                                                       \
               : "memory")
#define ADD(map, from, x, y)                                                                                     \
  asm volatile(                                                                                                  \
      "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&map), \
      "r"(x), "r"(y), "r"(shared_address(from))                                                                  \
      : "memory")

// A matrix stored along k, in rows of 128 bytes, in the 128-byte swizzle.
DEVICE uint64_t descriptor(const void* p) {
  return uint64_t(1) << 62 | uint64_t(1024 >> 4) << 32 | uint64_t(1) << 16 | (shared_address(p) & 0x3ffff) >> 4;
}
#define WGMMA_M64N8(d, a, b)                                                                                      \
  asm volatile(                                                                                                   \
      "{ .reg .pred p; setp.ne.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%0, %1, %2, %3}, " \
      "%4, %5, p, 1, 1, 0, 0; }"                                                                                  \
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                            \
      : "l"(a), "l"(b)                                                                                            \
      : "memory")
DEVICE void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
DEVICE void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
DEVICE void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
}
