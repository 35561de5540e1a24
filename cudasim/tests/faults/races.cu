// Shared-memory races: between warps, and between lanes of one warp.
#include "fault.h"

template <bool kBad>
__global__ void write_read(float* y) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  s[i] = 0.0f;
  __syncthreads();
  s[i] = float(i);  // expect: write_read
  if (!kBad) __syncthreads();
  y[i] = s[63 - i];  // expect: write_read
}

template <bool kBad>
__global__ void read_write(float* y) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  s[i] = float(i);
  __syncthreads();
  const float v = s[63 - i];  // expect: read_write
  if (!kBad) __syncthreads();
  s[i] = v + 1.0f;  // expect: read_write
  __syncthreads();
  y[i] = s[i];
}

template <bool kBad>
__global__ void write_write(float* y) {
  __shared__ float s[32];
  const int i = threadIdx.x;
  if (!kBad && i >= 32) s[i - 32] = 0.0f;
  if (!kBad) __syncthreads();
  if (kBad || i < 32) s[i % 32] = float(i);  // expect: write_write
  __syncthreads();
  y[i] = s[i % 32];
}

// A tile that is filled again while slower warps still read it.
template <bool kBad>
__global__ void refill(float* y, const float* x, int tiles) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  float sum = 0;
  for (int t = 0; t < tiles; ++t) {
    s[i] = x[64 * t + i];  // expect: refill
    __syncthreads();
    sum += s[(i + 32) % 64];  // expect: refill
    if (!kBad) __syncthreads();
  }
  y[i] = sum;
}

// Warps 0 and 1 meet at a barrier of their own, warp 2 does not.
template <bool kBad>
__global__ void named(float* y) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  if (i < 64) s[i] = 0.0f;
  __syncthreads();
  if (i < 64) s[i] = float(i);  // expect: named
  if (kBad) {
    if (i < 64) asm volatile("bar.sync 1, 64;" ::: "memory");
  } else
    asm volatile("bar.sync 1, 96;" ::: "memory");
  if (i >= 64) y[i] = s[i - 64];  // expect: named
}

template <bool kBad>
__global__ void atomic_plain(int* y) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  atomicAdd(&count, 1);  // expect: atomic_plain
  if (!kBad) __syncthreads();
  const int v = count;  // expect: atomic_plain
  y[threadIdx.x] = v;
}

template <bool kBad>
__global__ void lanes_write_read(float* y) {
  __shared__ float s[32];
  const int i = threadIdx.x;
  s[i] = float(i);
  if (!kBad) __syncwarp();
  y[i] = s[i ^ 1];  // expect: lanes_write_read
}

template <bool kBad>
__global__ void lanes_read_write(float* y) {
  __shared__ float s[32];
  const int i = threadIdx.x;
  s[i] = float(i);
  __syncwarp();
  const float v = s[i ^ 1];
  if (!kBad) __syncwarp();
  s[i] = v + 1.0f;  // expect: lanes_read_write
  __syncwarp();
  y[i] = s[i];
}

template <bool kBad>
__global__ void lanes_write_write(float* y) {
  __shared__ float s[32];
  const int i = threadIdx.x;
  s[kBad ? i / 2 : i] = float(i);  // expect: lanes_write_write
  __syncwarp();
  y[i] = s[kBad ? i / 2 : i];
}

// The tree reduction of old code, which trusts that lanes run in lockstep.
template <bool kBad>
__global__ void reduction(float* y) {
  __shared__ float s[32];
  const int i = threadIdx.x;
  s[i] = float(i);
  __syncwarp();
  for (int step = 16; step > 0; step /= 2) {
    float v = 0;
    if (i < step) v = s[i + step];  // expect: reduction
    if (!kBad) __syncwarp();
    if (i < step) s[i] += v;
    if (!kBad) __syncwarp();
  }
  if (i == 0) *y = s[0];
}

static const Case kCases[] = {
    {"write_read",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(write_read, 1, 64, 0, y.p);
     }},
    {"read_write",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(read_write, 1, 64, 0, y.p);
     }},
    {"write_write",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(write_write, 1, 64, 0, y.p);
     }},
    {"refill",
     [](bool bad) {
       Buffer<float> x(512), y(64);
       RUN(refill, 1, 64, 0, y.p, x.p, 8);
     }},
    {"named",
     [](bool bad) {
       Buffer<float> y(96);
       RUN(named, 1, 96, 0, y.p);
     }},
    {"atomic_plain",
     [](bool bad) {
       Buffer<int> y(64);
       RUN(atomic_plain, 1, 64, 0, y.p);
     }},
    {"lanes_write_read",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(lanes_write_read, 1, 32, 0, y.p);
     }},
    {"lanes_read_write",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(lanes_read_write, 1, 32, 0, y.p);
     }},
    {"lanes_write_write",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(lanes_write_write, 1, 32, 0, y.p);
     }},
    {"reduction",
     [](bool bad) {
       Buffer<float> y(1);
       RUN(reduction, 1, 32, 0, y.p);
     }},
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
