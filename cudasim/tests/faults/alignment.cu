// Vector accesses at addresses that are no multiple of their size.
#include "fault.h"

template <bool kBad>
__global__ void load4(const float* x, float* y) {
  const float4* v = reinterpret_cast<const float4*>(x + (kBad ? 1 : 0)) + threadIdx.x;
  y[threadIdx.x] = v->x + v->y + v->z + v->w;  // expect: load4
}

template <bool kBad>
__global__ void store2(float* y, int row) {
  float2* v = reinterpret_cast<float2*>(y + threadIdx.x * (kBad ? row : row + 1));  // odd rows begin at odd elements
  *v = make_float2(1.0f, 2.0f);                                                     // expect: store2
}

template <bool kBad>
__global__ void shared4(float* y) {
  __shared__ float s[33 * 4];
  for (int i = threadIdx.x; i < 33 * 4; i += 32) s[i] = float(i);
  __syncthreads();
  const float4 v = *reinterpret_cast<const float4*>(s + 4 * threadIdx.x + (kBad ? 2 : 0));  // expect: shared4
  y[threadIdx.x] = v.x + v.w;
}

template <bool kBad>
__global__ void copy16(const float* x, float* y) {
  __shared__ __align__(16) float s[32 * 4 + 4];
  const unsigned to = unsigned(__cvta_generic_to_shared(s + 4 * threadIdx.x));
  const float* from = x + 4 * threadIdx.x + (kBad ? 2 : 0);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from));  // expect: copy16
  asm volatile("cp.async.wait_all;" ::: "memory");
  __syncthreads();
  y[threadIdx.x] = kBad ? 0.0f : s[threadIdx.x];
}

static const Case kCases[] = {
    {"load4",
     [](bool bad) {
       Buffer<float> x(132), y(32);
       RUN(load4, 1, 32, 0, x.p, y.p);
     }},
    {"store2",
     [](bool bad) {
       Buffer<float> y(32 * 8);
       RUN(store2, 1, 32, 0, y.p, 7);
     }},
    {"shared4",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(shared4, 1, 32, 0, y.p);
     }},
    {"copy16",
     [](bool bad) {
       Buffer<float> x(132), y(32);
       RUN(copy16, 1, 32, 0, x.p, y.p);
     }},
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
