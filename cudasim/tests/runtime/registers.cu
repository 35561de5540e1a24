// Registers per thread, as ptxas allotted them. `registers` prints them; `registers over` launches more than a device
// has.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "check.h"

// Keeps kLive values alive from round to round.
template <int kLive>
__global__ void live(float* y, int rounds) {
  float v[kLive];
  for (int i = 0; i < kLive; ++i) v[i] = y[i + threadIdx.x];
  for (int k = 0; k < rounds; ++k) {
#pragma unroll
    for (int i = 0; i < kLive; ++i) v[i] = v[i] * v[(i + 1) % kLive] + y[k];
  }
  float sum = 0;
  for (int i = 0; i < kLive; ++i) sum += v[i];
  y[threadIdx.x] = sum;
}
__global__ void __launch_bounds__(1024) bounded(float* y, int rounds) {
  float v[40];
  for (int i = 0; i < 40; ++i) v[i] = y[i + threadIdx.x];
  for (int k = 0; k < rounds; ++k) {
#pragma unroll
    for (int i = 0; i < 40; ++i) v[i] = v[i] * v[(i + 1) % 40] + y[k];
  }
  for (int i = 0; i < 40; ++i) y[i * 1024 + threadIdx.x] = v[i];
}
__global__ void empty() {}

template <class F>
static void print(F* kernel) {
  cudaFuncAttributes a;
  const char* name = "";
  OK(cudaFuncGetAttributes(&a, kernel));
  OK(cudaFuncGetName(&name, reinterpret_cast<const void*>(kernel)));
  std::printf("%s %d\n", name, a.numRegs);
  // A block of four warps takes one of each of the four partitions, which have 16384 registers each.
  const int warps = 16384 / ((a.numRegs * 32 + 255) / 256 * 256);
  int blocks = 0, threads = 0, most = 0;
  OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 128, 0));
  OK(cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, 0));
  OK(cudaDeviceGetAttribute(&most, cudaDevAttrMaxBlocksPerMultiprocessor, 0));
  EXPECT_EQ(blocks, std::min({warps, threads / 128, most}));
}

int main(int argc, char** argv) {
  if (argc > 1 && !std::strcmp(argv[1], "over")) {
    float* y;
    OK(cudaMalloc(&y, 4096 * sizeof(float)));
    OK(cudaMemset(y, 0, 4096 * sizeof(float)));
    live<160><<<1, 256>>>(y, 1);
    OK(cudaDeviceSynchronize());
    live<160><<<1, 512>>>(y, 1);
    std::printf("%s\n", cudaGetErrorName(cudaGetLastError()));
    OK(cudaFree(y));
    return g_failed;
  }
  print(live<4>);
  print(live<24>);
  print(live<100>);
  print(live<160>);
  print(bounded);
  print(empty);
  return g_failed;
}
