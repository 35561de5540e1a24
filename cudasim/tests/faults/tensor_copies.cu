// Boxes of tensors that the copy engine moves: used too early, too late, or by what it does not see.
#include "../hopper.cuh"
#include "fault.h"

constexpr int kBox = 32 * 8;  // floats: 8 rows of 32

struct Map {
  alignas(128) CUtensorMap map = {};
  Map() = default;
  // A matrix of 64 columns, taken in boxes of 32 × 8.
  Map(float* data, int rows) {
    encode_map(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, data, 64, cuuint64_t(rows), 64 * 4, 32, 8);
  }
};

__device__ void make(uint64_t* barrier, int count = 1) {
  if (threadIdx.x == 0) {
    barrier_init(barrier, count);
    init_fence();
  }
  __syncthreads();
}

template <bool kBad>
__global__ void no_wait(const __grid_constant__ CUtensorMap map, float* y) {
  __shared__ alignas(128) float s[kBox];
  __shared__ uint64_t barrier;
  make(&barrier);
  if (threadIdx.x == 0) {
    expect(&barrier, sizeof s);
    LOAD(s, map, 0, 0, &barrier);
  }
  if (!kBad) WAIT(&barrier, 0);
  y[threadIdx.x] = s[threadIdx.x];  // expect: no_wait
  WAIT(&barrier, 0);
}

template <bool kBad>
__global__ void few_bytes(const __grid_constant__ CUtensorMap map, float* y) {
  __shared__ alignas(128) float s[2][kBox];
  __shared__ uint64_t barrier;
  make(&barrier);
  if (threadIdx.x == 0) {
    expect(&barrier, kBad ? sizeof s / 2 : sizeof s);
    LOAD(s[0], map, 0, 0, &barrier);
    LOAD(s[1], map, 32, 0, &barrier);  // expect: few_bytes
  }
  WAIT(&barrier, 0);
  y[threadIdx.x] = s[0][threadIdx.x];
}

template <bool kBad>
__global__ void many_bytes(const __grid_constant__ CUtensorMap map, float* y) {
  __shared__ alignas(128) float s[kBox];
  __shared__ uint64_t barrier;
  make(&barrier);
  if (threadIdx.x == 0) {
    expect(&barrier, kBad ? 2 * sizeof s : sizeof s);
    LOAD(s, map, 0, 0, &barrier);
  }
  WAIT(&barrier, 0);  // expect: many_bytes
  y[threadIdx.x] = s[threadIdx.x];
}

template <bool kBad>
__global__ void no_init_fence(const __grid_constant__ CUtensorMap map, float* y) {
  __shared__ alignas(128) float s[kBox];
  __shared__ uint64_t barrier;
  if (threadIdx.x == 0) {
    barrier_init(&barrier, 1);
    if (!kBad) init_fence();
    expect(&barrier, sizeof s);
    LOAD(s, map, 0, 0, &barrier);  // expect: no_init_fence
  }
  __syncthreads();
  WAIT(&barrier, 0);
  y[threadIdx.x] = s[threadIdx.x];
}

// The next box is fetched while other lanes may still read this one.
template <bool kBad>
__global__ void refill(const __grid_constant__ CUtensorMap map, float* y) {
  __shared__ alignas(128) float s[kBox];
  __shared__ uint64_t barrier;
  make(&barrier);
  for (int t = 0; t < 2; ++t) {
    if (threadIdx.x == 0) {
      expect(&barrier, sizeof s);
      LOAD(s, map, 32 * t, 0, &barrier);  // expect: refill
    }
    __syncwarp();
    WAIT(&barrier, t);
    y[threadIdx.x] = s[threadIdx.x];
    if (!kBad) __syncwarp();
  }
}

template <bool kBad>
__global__ void shared_place(const __grid_constant__ CUtensorMap map, float* y) {
  __shared__ alignas(128) float s[kBox + 32];
  __shared__ uint64_t barrier;
  make(&barrier);
  if (threadIdx.x == 0) {
    expect(&barrier, kBad ? 0 : kBox * 4);
    LOAD(s + (kBad ? 4 : 0), map, 0, 0, &barrier);  // expect: shared_place
  }
  WAIT(&barrier, 0);
  y[threadIdx.x] = 0;
}

template <bool kBad>
__global__ void shared_end(const __grid_constant__ CUtensorMap map, float* y) {
  extern __shared__ __align__(128) float s[];
  __shared__ uint64_t barrier;
  make(&barrier);
  if (threadIdx.x == 0) {
    expect(&barrier, kBad ? 0 : kBox * 4);
    LOAD(s + (kBad ? 32 : 0), map, 0, 0, &barrier);  // expect: shared_end
  }
  WAIT(&barrier, 0);
  y[threadIdx.x] = 0;
}

template <bool kBad>
__global__ void outside(const __grid_constant__ CUtensorMap map, float* y) {
  __shared__ alignas(128) float s[kBox];
  __shared__ uint64_t barrier;
  make(&barrier);
  if (threadIdx.x == 0) {
    expect(&barrier, kBad ? 0 : kBox * 4);
    LOAD(s, map, 0, 8, &barrier);  // expect: outside, no_map
  }
  WAIT(&barrier, 0);
  y[threadIdx.x] = 0;
}

template <bool kBad>
__global__ void no_proxy_fence(const __grid_constant__ CUtensorMap map) {
  __shared__ alignas(128) float s[kBox];
  for (int i = threadIdx.x; i < kBox; i += 32) s[i] = float(i);
  if (!kBad) proxy_fence();
  __syncthreads();
  if (threadIdx.x == 0) {
    STORE(map, s, 0, 0);  // expect: no_proxy_fence
    commit();
    wait_read();
  }
}

// The issuing thread's fence orders its own stores only.
template <bool kBad>
__global__ void early_fence(const __grid_constant__ CUtensorMap map) {
  __shared__ alignas(128) float s[kBox];
  if (kBad) proxy_fence();
  for (int i = threadIdx.x; i < kBox; i += 32) s[i] = float(i);
  if (!kBad) proxy_fence();
  __syncthreads();
  if (threadIdx.x == 0) {
    STORE(map, s, 0, 0);  // expect: early_fence
    commit();
    wait_read();
  }
}

template <bool kBad>
__global__ void no_barrier(const __grid_constant__ CUtensorMap map) {
  __shared__ alignas(128) float s[kBox];
  for (int i = threadIdx.x; i < kBox; i += 32) s[i] = float(i);  // expect: no_barrier
  proxy_fence();
  if (!kBad) __syncwarp();
  if (threadIdx.x == 0) {
    STORE(map, s, 0, 0);  // expect: no_barrier
    commit();
    wait_read();
  }
}

template <bool kBad>
__global__ void unwritten(const __grid_constant__ CUtensorMap map) {
  __shared__ alignas(128) float s[kBox];
  for (int i = threadIdx.x; i < kBox - (kBad ? 32 : 0); i += 32) s[i] = float(i);
  proxy_fence();
  __syncthreads();
  if (threadIdx.x == 0) {
    STORE(map, s, 0, 0);  // expect: unwritten
    commit();
    wait_read();
  }
}

template <bool kBad>
__global__ void overwritten(const __grid_constant__ CUtensorMap map) {
  __shared__ alignas(128) float s[kBox];
  for (int i = threadIdx.x; i < kBox; i += 32) s[i] = float(i);
  proxy_fence();
  __syncthreads();
  if (threadIdx.x == 0) {
    STORE(map, s, 0, 0);  // expect: overwritten
    commit();
    if (!kBad) wait_read();
  }
  __syncthreads();
  s[threadIdx.x] = 1;
  wait_read();
}

template <bool kBad>
__global__ void no_commit(const __grid_constant__ CUtensorMap map) {
  __shared__ alignas(128) float s[kBox];
  for (int i = threadIdx.x; i < kBox; i += 32) s[i] = float(i);
  proxy_fence();
  __syncthreads();
  if (threadIdx.x == 0) {
    STORE(map, s, 0, 0);  // expect: no_commit
    if (!kBad) commit();
    wait_read();
  }
}

#define COPY(kernel, rows, shared, ...)            \
  {                                                \
#kernel, [](bool bad) {                          \
     Buffer<float> x(64 * 8), y(32);                \
     const Map m(x.p, rows);                        \
     RUN(kernel, 1, 32, shared, m.map, __VA_ARGS__); \
   } \
  }
#define WRITE(kernel)                 \
  {                                   \
#kernel, [](bool bad) {             \
     Buffer<float> x(64 * 8);          \
     const Map m(x.p, 8);              \
     RUN(kernel, 1, 32, 0, m.map);     \
   } \
  }

static const Case kCases[] = {
    COPY(no_wait, 8, 0, y.p),
    COPY(few_bytes, 8, 0, y.p),
    COPY(many_bytes, 8, 0, y.p),
    COPY(no_init_fence, 8, 0, y.p),
    COPY(refill, 8, 0, y.p),
    COPY(shared_place, 8, 0, y.p),
    COPY(shared_end, 8, kBox * 4, y.p),
    {"outside",
     [](bool bad) {
       Buffer<float> x(64 * 8), y(32);
       const Map m(x.p, bad ? 16 : 8);
       RUN(outside, 1, 32, 0, m.map, y.p);
     }},
    {"no_map",
     [](bool bad) {
       Buffer<float> x(64 * 8), y(32);
       const Map m = bad ? Map() : Map(x.p, 8);
       RUN(outside, 1, 32, 0, m.map, y.p);
     }},
    WRITE(no_proxy_fence),
    WRITE(early_fence),
    WRITE(no_barrier),
    WRITE(unwritten),
    WRITE(overwritten),
    WRITE(no_commit),
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
