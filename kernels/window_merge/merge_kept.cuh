// What the area filter's second pass looks for, over steps of 8 queries.
#pragma once

#include "kernels/window_merge/merge_tile.cuh"

namespace sclip::cuda::merge {

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
