// cp.async data that is used before its wait, or without the barrier that shows it to other threads.
#include "fault.h"

__device__ void copy(float* to, const float* from) {
  const unsigned s = unsigned(__cvta_generic_to_shared(to));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(s), "l"(from) : "memory");  // expect: no_barrier
}
__device__ void commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kLeft>
__device__ void wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

template <bool kBad>
__global__ void no_wait(float* y, const float* x) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  copy(s + i, x + i);
  commit();
  if (!kBad) wait<0>();
  y[i] = s[i];  // expect: no_wait
}

template <bool kBad>
__global__ void off_by_one(float* y, const float* x, int tiles) {
  __shared__ float s[2][64];
  const int i = threadIdx.x;
  copy(&s[0][i], x + i);
  commit();
  float sum = 0;
  for (int t = 0; t < tiles; ++t) {
    if (t + 1 < tiles) copy(&s[(t + 1) % 2][i], x + 64 * (t + 1) + i);
    commit();
    wait<kBad ? 2 : 1>();
    sum += s[t % 2][i];  // expect: off_by_one
  }
  y[i] = sum;
}

template <bool kBad>
__global__ void no_commit(float* y, const float* x) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  copy(s + i, x + i);
  if (!kBad) commit();
  wait<0>();
  y[i] = s[i];  // expect: no_commit
}

template <bool kBad>
__global__ void overwritten(float* y, const float* x) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  copy(s + i, x + i);
  commit();
  if (!kBad) wait<0>();
  s[i] = 1.0f;  // expect: overwritten
  wait<0>();
  y[i] = s[i];
}

// Every thread has waited for its own copies only.
template <bool kBad>
__global__ void no_barrier(float* y, const float* x) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  s[i] = 0.0f;
  __syncthreads();
  copy(s + i, x + i);
  commit();
  wait<0>();
  if (!kBad) __syncthreads();
  y[i] = s[63 - i];  // expect: no_barrier
}

// The next tile is fetched while other warps still read this one.
template <bool kBad>
__global__ void refill(float* y, const float* x, int tiles) {
  __shared__ float s[64];
  const int i = threadIdx.x;
  float sum = 0;
  for (int t = 0; t < tiles; ++t) {
    const unsigned to = unsigned(__cvta_generic_to_shared(s + i));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(x + 64 * t + i)
                 : "memory");  // expect: refill
    commit();
    wait<0>();
    __syncthreads();
    sum += s[63 - i];  // expect: refill
    if (!kBad) __syncthreads();
  }
  y[i] = sum;
}

static const Case kCases[] = {
    {"no_wait",
     [](bool bad) {
       Buffer<float> x(64), y(64);
       RUN(no_wait, 1, 64, 0, y.p, x.p);
     }},
    {"off_by_one",
     [](bool bad) {
       Buffer<float> x(256), y(64);
       RUN(off_by_one, 1, 64, 0, y.p, x.p, 4);
     }},
    {"no_commit",
     [](bool bad) {
       Buffer<float> x(64), y(64);
       RUN(no_commit, 1, 64, 0, y.p, x.p);
     }},
    {"overwritten",
     [](bool bad) {
       Buffer<float> x(64), y(64);
       RUN(overwritten, 1, 64, 0, y.p, x.p);
     }},
    {"no_barrier",
     [](bool bad) {
       Buffer<float> x(64), y(64);
       RUN(no_barrier, 1, 64, 0, y.p, x.p);
     }},
    {"refill",
     [](bool bad) {
       Buffer<float> x(512), y(64);
       RUN(refill, 1, 64, 0, y.p, x.p, 8);
     }},
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
