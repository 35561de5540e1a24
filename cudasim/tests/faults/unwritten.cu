// Shared memory that is used before anything was written to it. The good twins also read it, but discard the value.
#include "fault.h"

template <bool kBad>
__global__ void stored(float* y) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  if (i < 48) s[i] = float(i);
  __syncthreads();
  const float v = s[i];  // expect: stored
  if (kBad || i < 48) y[i] = v;
}

template <bool kBad>
__global__ void dynamic(float* y) {
  extern __shared__ float d[];
  const int i = threadIdx.x;
  d[i] = float(i);
  __syncthreads();
  const float v = d[i + (kBad ? 1 : 0)];  // expect: dynamic
  y[i] = v * 2.0f;
}

template <bool kBad>
__global__ void branch(float* y, const float* x) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  if (i < 32) s[i] = float(i);
  __syncthreads();
  const float v = s[i];  // expect: branch
  float sum = 0;
  if (kBad || i < 32)
    for (int k = 0; k < v; ++k) sum += x[k];
  y[i] = sum;
}

template <bool kBad>
__global__ void address(float* y, const float* x) {
  __shared__ int s[64];
  const int i = threadIdx.x;
  if (i < 32) s[i] = i;
  __syncthreads();
  const int k = s[i];  // expect: address
  y[i] = x[(kBad || i < 32) ? (k & 31) : 0];
}

// Read ahead, one element too far, as merge loops do; the good twin never looks at the last one.
template <bool kBad>
__global__ void read_ahead(float* y) {
  __shared__ float s[33];
  const int i = threadIdx.x;
  s[i] = float(i);
  __syncthreads();
  float here = float(i), sum = 0;
  for (int k = i; k < (kBad ? 33 : 32); ++k) {
    sum += here;
    here = s[k + 1 < 33 ? k + 1 : 32];  // expect: read_ahead
  }
  y[i] = sum;
}

template <bool kBad>
__global__ void shuffled(float* y) {
  __shared__ float s[32];
  const int i = threadIdx.x;
  if (i != 5) s[i] = float(i);
  __syncwarp();
  float v = s[i];  // expect: shuffled
  if (!kBad) v = i == 5 ? 5.0f : v;
  v += __shfl_xor_sync(0xFFFFFFFF, v, 1);
  y[i] = v;
}

// Copied within shared memory first.
template <bool kBad>
__global__ void copied(float* y) {
  __shared__ float a[32], b[32];
  const int i = threadIdx.x;
  if (i < 16) a[i] = float(i);
  __syncthreads();
  b[i] = a[i];
  __syncthreads();
  const float v = b[i];  // expect: copied
  y[i] = kBad || i < 16 ? v : 0.0f;
}

template <bool kBad>
__global__ void atomic(int* y) {
  __shared__ int count;
  if (!kBad && threadIdx.x == 0) count = 0;
  __syncthreads();
  atomicAdd(&count, 1);  // expect: atomic
  __syncthreads();
  if (threadIdx.x == 0) *y = count;
}

template <bool kBad>
__global__ void bytes(unsigned* y) {
  __shared__ __align__(4) unsigned char s[128];
  const int i = threadIdx.x;
  for (int k = 0; k < (kBad ? 3 : 4); ++k) s[4 * i + k] = static_cast<unsigned char>(i + k);
  __syncthreads();
  y[i] = *reinterpret_cast<const unsigned*>(s + 4 * i);  // expect: bytes
}

static const Case kCases[] = {
    {"stored",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(stored, 1, 64, 0, y.p);
     }},
    {"dynamic",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(dynamic, 1, 64, 65 * 4, y.p);
     }},
    {"branch",
     [](bool bad) {
       Buffer<float> x(64), y(64);
       RUN(branch, 1, 64, 0, y.p, x.p);
     }},
    {"address",
     [](bool bad) {
       Buffer<float> x(64), y(64);
       RUN(address, 1, 64, 0, y.p, x.p);
     }},
    {"read_ahead",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(read_ahead, 1, 32, 0, y.p);
     }},
    {"shuffled",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(shuffled, 1, 32, 0, y.p);
     }},
    {"copied",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(copied, 1, 32, 0, y.p);
     }},
    {"atomic",
     [](bool bad) {
       Buffer<int> y(1);
       RUN(atomic, 1, 64, 0, y.p);
     }},
    {"bytes",
     [](bool bad) {
       Buffer<unsigned> y(32);
       RUN(bytes, 1, 32, 0, y.p);
     }},
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
