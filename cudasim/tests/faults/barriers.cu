// Barriers that not all threads reach, and warp-level operations whose mask does not fit the lanes.
#include "fault.h"

template <bool kBad>
__global__ void branch(float* y) {
  __shared__ float s[32];
  const int i = threadIdx.x;
  if (i < 16) {
    s[i] = float(i);
    if (kBad) __syncthreads();  // expect: branch
  }
  if (!kBad) __syncthreads();
  y[i] = i < 16 ? s[i] : 0.0f;
}

// Both sides have a barrier, but it is not the same one.
template <bool kBad>
__global__ void two_sides(float* y) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  if (kBad) {
    if (i % 2) {
      s[i] = 1.0f;
      __syncthreads();  // expect: two_sides
      s[i] += y[0];
    } else {
      s[i] = 2.0f;
      __syncthreads();  // expect: two_sides
    }
  } else {
    s[i] = i % 2 ? 1.0f : 2.0f;
    __syncthreads();
  }
  y[i] = s[i];
}

template <bool kBad>
__global__ void early_return(float* y, int n) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  if (kBad && i >= n) return;
  if (i < n) s[i] = float(i);
  __syncthreads();  // expect: early_return
  if (i < n) y[i] = s[n - 1 - i];
}

template <bool kBad>
__global__ void warp_returns(float* y) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  if (kBad && i >= 32) return;
  s[i] = float(i);
  __syncthreads();  // expect: warp_returns
  y[i] = s[i];
}

// The number of rounds differs between the warps.
template <bool kBad>
__global__ void rounds(float* y) {
  __shared__ float s[64];
  const int i = threadIdx.x, n = kBad ? 2 + i / 32 : 3;
  float v = 0;
  for (int k = 0; k < n; ++k) {
    s[i] = v;
    __syncthreads();  // expect: rounds
    v += s[i];
  }
  y[i] = v;
}

template <bool kBad>
__global__ void count(float* y) {
  if (kBad)
    asm volatile("bar.sync 1, 96;" ::: "memory");  // expect: count
  else
    asm volatile("bar.sync 1, 64;" ::: "memory");
  y[threadIdx.x] = 1.0f;
}

template <bool kBad>
__global__ void shuffle_half(float* y) {
  const int i = threadIdx.x;
  float v = float(i);
  if (i < 16) {
    v += __shfl_xor_sync(kBad ? 0xFFFFFFFFu : 0xFFFFu, v, 1);  // expect: shuffle_half
  }
  __syncthreads();
  y[i] = v;
}

template <bool kBad>
__global__ void shuffle_mask(float* y) {
  float v = float(threadIdx.x);
  v += __shfl_xor_sync(kBad ? 0xFFFFu : 0xFFFFFFFFu, v, 1);  // expect: shuffle_mask
  y[threadIdx.x] = v;
}

template <bool kBad>
__global__ void ballot(unsigned* y) {
  const int i = threadIdx.x;
  unsigned m = 0;
  if (i % 2) m = __ballot_sync(kBad ? 0xFFFFFFFFu : 0xAAAAAAAAu, i > 7);  // expect: ballot
  __syncthreads();
  y[i] = m;
}

static const Case kCases[] = {
    {"branch",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(branch, 1, 32, 0, y.p);
     }},
    {"two_sides",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(two_sides, 1, 64, 0, y.p);
     }},
    {"early_return",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(early_return, 1, 64, 0, y.p, 50);
     }},
    {"warp_returns",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(warp_returns, 1, 64, 0, y.p);
     }},
    {"rounds",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(rounds, 1, 64, 0, y.p);
     }},
    {"count",
     [](bool bad) {
       Buffer<float> y(64);
       RUN(count, 1, 64, 0, y.p);
     }},
    {"shuffle_half",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(shuffle_half, 1, 32, 0, y.p);
     }},
    {"shuffle_mask",
     [](bool bad) {
       Buffer<float> y(32);
       RUN(shuffle_mask, 1, 32, 0, y.p);
     }},
    {"ballot",
     [](bool bad) {
       Buffer<unsigned> y(32);
       RUN(ballot, 1, 32, 0, y.p);
     }},
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
