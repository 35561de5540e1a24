// devices CASE: several devices. `good` is what CUDA allows; the others use something of another device.
#include <cuda_runtime.h>

#include <string>
#include <thread>

#include "check.h"

__global__ void increment(int* p) {
  *p += 1;
}
__global__ void large(int* p) {
  extern __shared__ int s[];
  s[threadIdx.x] = 1;
  __syncthreads();
  p[threadIdx.x] = s[threadIdx.x];
}

struct OfDevice {
  int device;
  cudaStream_t stream;
  int* p;
  explicit OfDevice(int d) : device(d) {
    OK(cudaSetDevice(device));
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    OK(cudaMalloc(&p, 4096));
    OK(cudaMemset(p, 0, 4096));
    OK(cudaDeviceSynchronize());
  }
  ~OfDevice() {
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(p));
  }
};

static int current() {
  int device = -1;
  OK(cudaGetDevice(&device));
  return device;
}

// The current device is the thread's own; copies may name any memory from anywhere.
static void threads() {
  OfDevice zero(0), two(2);
  EXPECT_EQ(current(), 2);
  std::thread([&] {
    EXPECT_EQ(current(), 0);
    increment<<<1, 1, 0, zero.stream>>>(zero.p);
    OK(cudaGetLastError());
    OK(cudaSetDevice(2));
    increment<<<1, 1, 0, two.stream>>>(two.p);
    increment<<<1, 1, 0, two.stream>>>(two.p);
    OK(cudaGetLastError());
  }).join();
  EXPECT_EQ(current(), 2);
  int value = 0;
  OK(cudaMemcpyAsync(&value, zero.p, 4, cudaMemcpyDeviceToHost, zero.stream));
  EXPECT_EQ(value, 1);
  OK(cudaMemcpyAsync(&value, two.p, 4, cudaMemcpyDeviceToHost, two.stream));
  EXPECT_EQ(value, 2);
  int device = -1;
  OK(cudaStreamGetDevice(two.stream, &device));
  EXPECT_EQ(device, 2);
  cudaPointerAttributes a;
  OK(cudaPointerGetAttributes(&a, two.p));
  EXPECT_EQ(a.device, 2);
}

// An event belongs to the device that was current when it was made.
static void events() {
  OfDevice zero(0), one(1);
  cudaEvent_t e;
  OK(cudaEventCreate(&e));
  EXPECT_EQ(cudaEventRecord(e, zero.stream), cudaErrorInvalidResourceHandle);
  OK(cudaEventRecord(e, one.stream));
  OK(cudaStreamWaitEvent(zero.stream, e, 0));  // across devices this is allowed
  OK(cudaEventDestroy(e));
  (void)cudaGetLastError();
}

// Each device has memory of its own, and a legacy stream of its own.
static void separate() {
  OK(cudaSetDevice(1));
  size_t before = 0, after = 0, total = 0;
  OK(cudaMemGetInfo(&before, &total));
  {
    const OfDevice zero(0);
    OK(cudaSetDevice(1));
    OK(cudaMemGetInfo(&after, &total));
    EXPECT_EQ(after, before);
    OfDevice one(1);
    increment<<<1, 1>>>(one.p);
    int value = 0;
    OK(cudaMemcpy(&value, one.p, 4, cudaMemcpyDeviceToHost));
    EXPECT_EQ(value, 1);
  }
  EXPECT_EQ(cudaSetDevice(3), cudaErrorInvalidDevice);
  (void)cudaGetLastError();
}

int main(int, char** argv) {
  const std::string which = argv[1];
  if (which == "good") {
    int count = 0;
    OK(cudaGetDeviceCount(&count));
    EXPECT_EQ(count, 3);
    if (count == 3) {
      threads();
      events();
      separate();
    }
    return finish("devices");
  }
  OfDevice zero(0), one(1);
  if (which == "stream") increment<<<1, 1, 0, zero.stream>>>(one.p);
  if (which == "pointer") increment<<<1, 1, 0, one.stream>>>(zero.p);
  if (which == "limit") {  // an attribute of a function is set for the current device
    OK(cudaSetDevice(0));
    OK(cudaFuncSetAttribute(large, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 * 1024));
    large<<<1, 32, 64 * 1024, zero.stream>>>(zero.p);
    OK(cudaSetDevice(1));
    large<<<1, 32, 64 * 1024, one.stream>>>(one.p);
  }
  cudaDeviceSynchronize();
  return 0;
}
