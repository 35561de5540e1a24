// A lane's online softmax over steps of 8 queries, in base 2.
#pragma once

#include "kernels/window_merge/merge_tile.cuh"

namespace sclip::cuda::merge {

__device__ __forceinline__ float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ __forceinline__ float max_of(const float (&x)[kStep]) {
  return fmaxf(fmaxf(fmaxf(x[0], x[1]), fmaxf(x[2], x[3])), fmaxf(fmaxf(x[4], x[5]), fmaxf(x[6], x[7])));
}

__device__ __forceinline__ int first_equal(const float (&x)[kStep], float value) {
  int first = 0;
#pragma unroll
  for (int j = kStep - 1; j >= 0; --j) first = x[j] == value ? j : first;
  return first;
}

// The maximum, its query and Σ 2^(logit − maximum) of the queries so far.
struct Softmax {
  float best = -INFINITY, sum = 0;
  int query = 0;

  __device__ __forceinline__ void add(const float (&x)[kStep], int k) {
    const float top = max_of(x);
    if (top > best) {
      sum *= exp2_approx(best - top);
      best = top;
      query = k + first_equal(x, top);
    }
    float e[kStep];
#pragma unroll
    for (int j = 0; j < kStep; ++j) e[j] = exp2_approx(x[j] - best);
    sum += ((e[0] + e[1]) + (e[2] + e[3])) + ((e[4] + e[5]) + (e[6] + e[7]));
  }
};

// The maximum of all queries, and that of the queries that the area filter keeps.
struct KeptBest {
  float best = -INFINITY, kept = -INFINITY;
  int query = 0;

  __device__ __forceinline__ void add(const float (&x)[kStep], int k, const uint8_t* kept_query) {
    best = fmaxf(best, max_of(x));
    const uint2 flags = *reinterpret_cast<const uint2*>(kept_query + k);
    if ((flags.x | flags.y) == 0) return;
    float y[kStep];
#pragma unroll
    for (int j = 0; j < kStep; ++j) {
      y[j] = ((j < 4 ? flags.x : flags.y) >> (j % 4 * 8) & 0xff) != 0 ? x[j] : -INFINITY;
    }
    const float top = max_of(y);
    if (top > kept) {
      kept = top;
      query = k + first_equal(y, top);
    }
  }
};

}  // namespace sclip::cuda::merge
