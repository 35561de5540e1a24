// Accesses outside of allocations.
#include "fault.h"

template <bool kBad>
__global__ void high(float* y, int n) {
  const int i = threadIdx.x;
  if (kBad ? i <= n : i < n) y[i] = 1.0f;  // expect: high
}

template <bool kBad>
__global__ void low(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = (kBad || i > 0) ? x[i - 1] : 0.0f;  // expect: low
}

// The column stride in elements is taken for one in bytes and scaled again.
template <bool kBad>
__global__ void stride(float* y, long long pitch) {
  const long long row = kBad ? threadIdx.x * pitch * 4 : threadIdx.x * pitch;
  y[row] = 1.0f;  // expect: stride
}

// The distance between two allocations, where both were believed to be one.
template <bool kBad>
__global__ void between(float* a, float* b) {
  float* middle = kBad ? a + (b - a) / 2 : a;
  *middle = 1.0f;  // expect: between
}

template <bool kBad>
__global__ void vector_tail(const float4* x, float* y, int n) {
  const int i = threadIdx.x;
  if (kBad ? 4 * i < n : 4 * i + 3 < n) {
    const float4 v = x[i];  // expect: vector_tail
    y[i] = v.x + v.w;
  }
}

template <bool kBad>
__global__ void atomic(int* counts, int bins) {
  const int bin = threadIdx.x;
  if (kBad || bin < bins) atomicAdd(counts + bin, 1);  // expect: atomic
}

template <bool kBad>
__global__ void null(float* y) {
  if (!kBad && !y) return;
  y[threadIdx.x] = 1.0f;  // expect: null
}

template <bool kBad>
__global__ void shared_static(float* y, int n) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  for (int k = i; k < (kBad ? n + 1 : n); k += 32) s[k] = float(k);  // expect: shared_static
  __syncthreads();
  y[i] = s[i];
}

template <bool kBad>
__global__ void shared_dynamic(float* y) {
  extern __shared__ float s[];
  const int i = threadIdx.x;
  s[i] = float(i);  // expect: shared_dynamic
  __syncthreads();
  y[i] = s[i];
}

static const Case kCases[] = {
    {"high",
     [](bool bad) {
       Buffer<float> y(100);
       RUN(high, 1, 128, 0, y.p, 100);
     }},
    {"low",
     [](bool bad) {
       Buffer<float> x(64), y(64);
       RUN(low, 1, 64, 0, x.p, y.p);
     }},
    {"stride",
     [](bool bad) {
       Buffer<float> y(32 * 64);
       RUN(stride, 1, 32, 0, y.p, 64LL);
     }},
    {"between",
     [](bool bad) {
       Buffer<float> a(16), b(16);
       RUN(between, 1, 1, 0, a.p, b.p);
     }},
    {"vector_tail",
     [](bool bad) {
       Buffer<float> x(30), y(32);
       RUN(vector_tail, 1, 32, 0, reinterpret_cast<float4*>(x.p), y.p, 30);
     }},
    {"atomic",
     [](bool bad) {
       Buffer<int> c(10);
       RUN(atomic, 1, 32, 0, c.p, 10);
     }},
    {"null", [](bool bad) { RUN(null, 1, 32, 0, nullptr); }},
    {"shared_static",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(shared_static, 1, 32, 0, y.p, 64);
     }},
    {"shared_dynamic",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(shared_dynamic, 1, 64, bad ? 128 : 256, y.p);
     }},
    {"copy",
     [](bool bad) {
       Buffer<char> y(100);
       char host[128] = {};
       cudaMemcpy(y.p, host, bad ? 128 : 100, cudaMemcpyHostToDevice);
     }},
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
