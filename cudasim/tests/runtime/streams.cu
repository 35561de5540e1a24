// Streams, events, pools, launch attributes, occupancy, device properties, error names.
#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "check.h"

__global__ void store(int* p, int v) {
  *p = v;
}
__global__ void increment(int* p) {
  *p += 1;
}
__global__ void __launch_bounds__(256) tile(float* p) {
  extern __shared__ float t[];
  t[threadIdx.x] = float(threadIdx.x);
  __syncthreads();
  p[threadIdx.x] = t[255 - threadIdx.x];
}

static void order_across_streams() {
  cudaStream_t a, b;
  OK(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking));
  OK(cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking));
  int* p;
  OK(cudaMallocHost(&p, 4));
  *p = 0;
  cudaEvent_t e;
  OK(cudaEventCreate(&e));
  store<<<1, 1, 0, a>>>(p, 5);
  OK(cudaEventRecord(e, a));
  store<<<1, 1, 0, a>>>(p, 100);  // behind the event: nothing waits for it
  OK(cudaEventRecord(e, b));      // recorded anew, so the next wait is for b
  OK(cudaStreamWaitEvent(b, e, 0));
  OK(cudaStreamSynchronize(a));
  EXPECT_EQ(*p, 100);
  OK(cudaEventRecord(e, a));
  store<<<1, 1, 0, a>>>(p, 7);
  OK(cudaStreamSynchronize(a));
  increment<<<1, 1, 0, b>>>(p);
  OK(cudaEventRecord(e, b));
  OK(cudaStreamWaitEvent(a, e, 0));
  increment<<<1, 1, 0, a>>>(p);
  OK(cudaStreamSynchronize(a));
  EXPECT_EQ(*p, 9);
  float ms = -1;
  cudaEvent_t f;
  OK(cudaEventCreate(&f));
  OK(cudaEventRecord(f, a));
  OK(cudaEventSynchronize(f));
  OK(cudaEventSynchronize(e));
  OK(cudaEventElapsedTime(&ms, e, f));
  EXPECT(ms >= 0);
  OK(cudaEventDestroy(e));
  OK(cudaEventDestroy(f));
  EXPECT_EQ(cudaEventDestroy(f), cudaErrorInvalidResourceHandle);
  OK(cudaStreamDestroy(a));
  OK(cudaStreamDestroy(b));
  EXPECT_EQ(cudaStreamSynchronize(b), cudaErrorInvalidResourceHandle);
  OK(cudaFreeHost(p));
}

// The legacy stream waits for blocking streams, and they for it.
static void legacy_order() {
  cudaStream_t s;
  OK(cudaStreamCreate(&s));
  int *p, h = 0;
  OK(cudaMalloc(&p, 4));
  store<<<1, 1, 0, s>>>(p, 1);
  increment<<<1, 1>>>(p);
  increment<<<1, 1, 0, s>>>(p);
  OK(cudaMemcpyAsync(&h, p, 4, cudaMemcpyDeviceToHost, s));  // pageable: finished when it returns
  EXPECT_EQ(h, 3);
  OK(cudaStreamDestroy(s));
  OK(cudaFree(p));
}

static void per_thread() {
  int* p;
  OK(cudaMallocHost(&p, 8));
  p[0] = p[1] = 0;
  std::thread t([p] {
    store<<<1, 1, 0, cudaStreamPerThread>>>(p + 1, 2);
    OK(cudaStreamSynchronize(cudaStreamPerThread));
    EXPECT_EQ(p[1], 2);
  });
  store<<<1, 1, 0, cudaStreamPerThread>>>(p, 1);
  t.join();
  OK(cudaStreamSynchronize(cudaStreamPerThread));
  EXPECT_EQ(p[0], 1);
  OK(cudaFreeHost(p));
}

static void pools() {
  cudaStream_t s;
  OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  cudaMemPoolProps props{};
  props.allocType = cudaMemAllocationTypePinned;
  props.location.type = cudaMemLocationTypeDevice;
  cudaMemPool_t pool, first;
  OK(cudaMemPoolCreate(&pool, &props));
  OK(cudaDeviceGetDefaultMemPool(&first, 0));
  uint64_t threshold = 1 << 20, used = 0;
  OK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
  int *p, *q, h = 0;
  OK(cudaMallocFromPoolAsync(reinterpret_cast<void**>(&p), 4096, pool, s));
  OK(cudaMallocAsync(reinterpret_cast<void**>(&q), 64, s));
  OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
  EXPECT_EQ(used, 4096);
  OK(cudaMemPoolGetAttribute(first, cudaMemPoolAttrUsedMemCurrent, &used));
  EXPECT_EQ(used, 64);
  store<<<1, 1, 0, s>>>(p, 42);
  OK(cudaMemcpyAsync(&h, p, 4, cudaMemcpyDeviceToHost, s));
  OK(cudaFreeAsync(p, s));
  OK(cudaFreeAsync(q, s));
  OK(cudaStreamSynchronize(s));
  EXPECT_EQ(h, 42);
  OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
  EXPECT_EQ(used, 0);
  OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemHigh, &used));
  EXPECT_EQ(used, 4096);
  OK(cudaMemPoolDestroy(pool));
  EXPECT_EQ(cudaMemPoolDestroy(first), cudaErrorInvalidValue);
  (void)cudaGetLastError();
  OK(cudaStreamDestroy(s));
}

static void launches() {
  float *p, h[256];
  OK(cudaMalloc(&p, sizeof h));
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(1);
  config.blockDim = dim3(256);
  config.dynamicSmemBytes = 1024;
  cudaLaunchAttribute attributes[2]{};
  attributes[0].id = cudaLaunchAttributePriority;
  attributes[0].val.priority = -1;
  attributes[1].id = cudaLaunchAttributeCooperative;
  attributes[1].val.cooperative = 1;
  config.attrs = attributes;
  config.numAttrs = 2;
  OK(cudaLaunchKernelEx(&config, tile, p));
  OK(cudaMemcpy(h, p, sizeof h, cudaMemcpyDeviceToHost));
  for (int i = 0; i < 256; ++i) EXPECT_EQ(h[i], 255 - i);
  OK(cudaFree(p));
}

static void device(int major) {
  cudaDeviceProp p;
  OK(cudaGetDeviceProperties(&p, 0));
  EXPECT_EQ(p.major, major);
  const int optin = major == 8 ? 166912 : major == 9 ? 232448 : 101376;
  const int threads = major == 12 ? 1536 : 2048;
  int v = 0;
  OK(cudaDeviceGetAttribute(&v, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  EXPECT_EQ(v, optin);
  OK(cudaDeviceGetAttribute(&v, cudaDevAttrMaxThreadsPerMultiProcessor, 0));
  EXPECT_EQ(v, threads);
  OK(cudaDeviceGetAttribute(&v, cudaDevAttrComputeCapabilityMajor, 0));
  EXPECT_EQ(v, major);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);

  // 40 KiB and 1 KiB of reserved shared memory per block: by shared memory, as the occupancy calculator has it.
  int blocks = 0;
  OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, tile, 256, 40 * 1024));
  EXPECT_EQ(blocks, (major == 8 ? 164 : major == 9 ? 228 : 100) / 41);
  OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, tile, 256, 0));
  EXPECT_EQ(blocks, threads / 256);
  size_t room = 0;
  OK(cudaOccupancyAvailableDynamicSMemPerBlock(&room, tile, 2, 256));
  EXPECT_EQ(room, (major == 8 ? 164 : major == 9 ? 228 : 100) * 1024 / 2 - 1024);
  int grid = 0, block = 0;
  OK(cudaOccupancyMaxPotentialBlockSize(&grid, &block, tile));
  EXPECT(block > 0 && block <= 256 && grid >= p.multiProcessorCount);
  cudaFuncAttributes f;
  OK(cudaFuncGetAttributes(&f, tile));
  EXPECT_EQ(f.maxThreadsPerBlock, 256);
  EXPECT_EQ(cudaFuncSetAttribute(tile, cudaFuncAttributeMaxDynamicSharedMemorySize, optin + 1), cudaErrorInvalidValue);
  OK(cudaFuncSetAttribute(tile, cudaFuncAttributeMaxDynamicSharedMemorySize, optin));
  (void)cudaGetLastError();
}

int main(int, char** argv) {
  order_across_streams();
  legacy_order();
  per_thread();
  pools();
  launches();
  device(std::atoi(argv[1]));
  EXPECT_EQ(std::strcmp(cudaGetErrorName(cudaErrorStreamCaptureUnjoined), "cudaErrorStreamCaptureUnjoined"), 0);
  EXPECT_EQ(std::strcmp(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress"), 0);
  EXPECT_EQ(std::strcmp(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory"), 0);
  EXPECT_EQ(std::strcmp(cudaGetErrorName(cudaError_t(123456)), "unrecognized error code"), 0);
  return finish("streams");
}
