// Launches that a device refuses, kernels that stop themselves, and memory of the wrong side.
#include <cassert>

#include "fault.h"

__global__ void fill(float* y) {
  y[threadIdx.x] = 1.0f;
}

__global__ void __launch_bounds__(128) bounded(float* y) {
  y[threadIdx.x] = 1.0f;
}

__global__ void dynamic(float* y, int n) {
  extern __shared__ float s[];
  for (int i = threadIdx.x; i < n; i += blockDim.x) s[i] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = s[n - 1];
}

// 160 values stay alive from round to round.
__global__ void wide(float* y, int rounds) {
  float v[160];
  for (int i = 0; i < 160; ++i) v[i] = y[i];
  for (int k = 0; k < rounds; ++k) {
#pragma unroll
    for (int i = 0; i < 160; ++i) v[i] = v[i] * v[(i + 1) % 160] + y[k];
  }
  for (int i = 1; i < 160; ++i) v[0] += v[i];
  y[160 + threadIdx.x] = v[0];
}

template <bool kBad>
__global__ void assertion(const int* x) {
  assert(x[threadIdx.x] == (kBad && threadIdx.x == 7 ? 1 : 0));  // expect: assertion
}

template <bool kBad>
__global__ void trap(int* x) {
  if (kBad && threadIdx.x == 3) __trap();  // expect: trap
  x[threadIdx.x] = 1;
}

__global__ void read(const int* x, int* y) {
  y[threadIdx.x] = x[threadIdx.x];  // expect: host_memory
}

static const Case kCases[] = {
    {"threads",
     [](bool bad) {
       Buffer<float> y(1024);
       fill<<<1, bad ? 1056 : 1024>>>(y.p);
     }},
    {"block_z",
     [](bool bad) {
       Buffer<float> y(64);
       fill<<<1, dim3(1, 1, bad ? 65 : 64)>>>(y.p);
     }},
    {"empty_grid",
     [](bool bad) {
       Buffer<float> y(64);
       fill<<<bad ? 0 : 1, 64>>>(y.p);
     }},
    {"launch_bounds",
     [](bool bad) {
       Buffer<float> y(256);
       bounded<<<1, bad ? 256 : 128>>>(y.p);
     }},
    {"registers",
     [](bool bad) {
       Buffer<float> y(160 + 1024);
       wide<<<1, bad ? 512 : 256>>>(y.p, 1);
     }},
    {"opt_in",
     [](bool bad) {
       Buffer<float> y(64);
       if (!bad) cudaFuncSetAttribute(dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 * 1024);
       dynamic<<<1, 64, 64 * 1024>>>(y.p, 16 * 1024);
     }},
    {"too_much_shared",
     [](bool bad) {
       Buffer<float> y(64);
       const int bytes = bad ? 256 * 1024 : 160 * 1024;
       cudaFuncSetAttribute(dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
       dynamic<<<1, 64, bytes>>>(y.p, bytes / 4);
     }},
    {"assertion",
     [](bool bad) {
       Buffer<int> x(32);
       RUN(assertion, 1, 32, 0, x.p);
     }},
    {"trap",
     [](bool bad) {
       Buffer<int> x(32);
       RUN(trap, 1, 32, 0, x.p);
     }},
    {"host_memory",
     [](bool bad) {
       Buffer<int> y(32), good(32);
       int* x = new int[32]();
       read<<<1, 32>>>(bad ? x : good.p, y.p);
       cudaDeviceSynchronize();
       delete[] x;
     }},
    {"host_reads_device",
     [](bool bad) {
       Buffer<int> x(32);
       int v = 0;
       if (bad)
         v = *static_cast<volatile int*>(x.p);
       else
         cudaMemcpy(&v, x.p, 4, cudaMemcpyDeviceToHost);
       std::printf("%d\n", v);
     }},
    {"wrong_direction",
     [](bool bad) {
       Buffer<int> x(32);
       int h[32] = {};
       cudaMemcpy(x.p, h, sizeof h, bad ? cudaMemcpyDeviceToHost : cudaMemcpyHostToDevice);
     }},
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
