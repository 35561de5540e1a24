// wgmma: accumulators and operands that are used before the wait, fences left out, warps that part ways.
#include "../hopper.cuh"
#include "fault.h"

// 64 rows of A and 8 of B, of 128 bytes each.
struct Operands {
  alignas(1024) uint32_t a[64 * 32], b[8 * 32];
};

__device__ void fill(Operands& s) {
  for (int i = threadIdx.x; i < 64 * 32; i += 128) s.a[i] = 0x3c003c00;
  for (int i = threadIdx.x; i < 8 * 32; i += 128) s.b[i] = 0x3c003c00;
}

template <bool kBad>
__global__ void no_wait(float* y) {
  __shared__ Operands s;
  fill(s);
  proxy_fence();
  __syncthreads();
  float d[4] = {};
  wgmma_fence();
  WGMMA_M64N8(d, descriptor(s.a), descriptor(s.b));
  wgmma_commit();
  if (!kBad) wgmma_wait();
  y[threadIdx.x] = d[0];  // expect: no_wait
  wgmma_wait();
}

template <bool kBad>
__global__ void no_commit(float* y) {
  __shared__ Operands s;
  fill(s);
  proxy_fence();
  __syncthreads();
  float d[4] = {};
  wgmma_fence();
  WGMMA_M64N8(d, descriptor(s.a), descriptor(s.b));  // expect: no_commit
  if (!kBad) wgmma_commit();
  wgmma_wait();
}

template <bool kBad>
__global__ void no_fence(float* y) {
  __shared__ Operands s;
  fill(s);
  proxy_fence();
  __syncthreads();
  float d[4] = {};
  if (!kBad) wgmma_fence();
  WGMMA_M64N8(d, descriptor(s.a), descriptor(s.b));  // expect: no_fence
  wgmma_commit();
  wgmma_wait();
  y[threadIdx.x] = d[0];
}

// The registers were read since the fence.
template <bool kBad>
__global__ void old_fence(float* y) {
  __shared__ Operands s;
  fill(s);
  proxy_fence();
  __syncthreads();
  float d[4] = {};
  wgmma_fence();
  WGMMA_M64N8(d, descriptor(s.a), descriptor(s.b));
  wgmma_commit();
  wgmma_wait();
  y[threadIdx.x] = d[0];
  if (!kBad) wgmma_fence();
  WGMMA_M64N8(d, descriptor(s.a), descriptor(s.b));  // expect: old_fence
  wgmma_commit();
  wgmma_wait();
  y[threadIdx.x] += d[0];
}

template <bool kBad>
__global__ void no_proxy_fence(float* y) {
  __shared__ Operands s;
  fill(s);
  if (!kBad) proxy_fence();
  __syncthreads();
  float d[4] = {};
  wgmma_fence();
  WGMMA_M64N8(d, descriptor(s.a), descriptor(s.b));  // expect: no_proxy_fence
  wgmma_commit();
  wgmma_wait();
  y[threadIdx.x] = d[0];
}

template <bool kBad>
__global__ void overwritten(float* y) {
  __shared__ Operands s;
  fill(s);
  proxy_fence();
  __syncthreads();
  float d[4] = {};
  wgmma_fence();
  WGMMA_M64N8(d, descriptor(s.a), descriptor(s.b));  // expect: overwritten
  wgmma_commit();
  if (!kBad) wgmma_wait();
  __syncthreads();
  if (threadIdx.x < 32) s.b[threadIdx.x] = 0;
  __syncthreads();
  wgmma_wait();
  y[threadIdx.x] = d[0];
}

template <bool kBad>
__global__ void rows_apart(float* y) {
  __shared__ Operands s;
  fill(s);
  proxy_fence();
  __syncthreads();
  float d[4] = {};
  wgmma_fence();
  WGMMA_M64N8(d, descriptor(s.a) + (kBad ? 128 >> 4 : 0), descriptor(s.b));  // expect: rows_apart
  wgmma_commit();
  wgmma_wait();
  y[threadIdx.x] = d[0];
}

template <bool kBad>
__global__ void three_warps(float* y) {
  __shared__ Operands s;
  fill(s);
  proxy_fence();
  __syncthreads();
  float d[4] = {};
  if (!kBad || threadIdx.x < 96) {
    wgmma_fence();  // expect: three_warps
    WGMMA_M64N8(d, descriptor(s.a), descriptor(s.b));
    wgmma_commit();
    wgmma_wait();
  }
  y[threadIdx.x] = d[0];
}

template <bool kBad>
__global__ void two_descriptors(float* y) {
  __shared__ Operands s;
  fill(s);
  proxy_fence();
  __syncthreads();
  float d[4] = {};
  const int warp = threadIdx.x / 32;
  wgmma_fence();
  WGMMA_M64N8(d, descriptor(s.a) + (kBad ? 2 * (warp % 2) : 2), descriptor(s.b));  // expect: two_descriptors
  wgmma_commit();
  wgmma_wait();
  y[threadIdx.x] = d[0];
}

// Two warpgroups of 128 registers a thread: what one gives back is not enough for the other.
template <bool kBad>
__global__ void __launch_bounds__(256, 2) registers(float* y) {
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kBad ? 64 : 40));
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 208;");  // expect: registers
  }
  y[threadIdx.x] = 0;
}

template <bool kBad>
__global__ void __launch_bounds__(256, 2) registers_wrong_way(float* y) {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kBad ? 136 : 120));  // expect: registers_wrong_way
  y[threadIdx.x] = 0;
}

#define CASE(kernel, threads)           \
  {                                     \
#kernel, [](bool bad) {               \
     Buffer<float> y(threads);           \
     RUN(kernel, 1, threads, 0, y.p);    \
   } \
  }

static const Case kCases[] = {
    CASE(no_wait, 128),    CASE(no_commit, 128),           CASE(no_fence, 128),
    CASE(old_fence, 128),  CASE(no_proxy_fence, 128),      CASE(overwritten, 128),
    CASE(rows_apart, 128), CASE(three_warps, 128),         CASE(two_descriptors, 128),
    CASE(registers, 256),  CASE(registers_wrong_way, 256),
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
