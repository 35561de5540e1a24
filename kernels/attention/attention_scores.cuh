// What happens to scores between the two products, as a lane holds them.
#pragma once

#include <numbers>

#include "kernels/attention/attention_args.cuh"
#include "kernels/cuda/exp2.cuh"
#include "kernels/cuda/warp.cuh"

namespace sclip::cuda {

// What scores meet before the softmax: bias, and the columns a row does not see. A lane holds columns 2t and 2t + 1 of
// every group of 8, of two rows that lie 8 apart; t = lane % 4. Made anew where it is used: nothing of it lives through
// a product.
struct ScoreMask {
  const float* bias[2];  // of the two rows, or null
  int visible[2];        // columns the rows see

  template <typename T>
  __device__ __forceinline__ ScoreMask(const AttentionArgs<T>& p, int row) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int y = min(row + 8 * r, p.tokens - 1);  // rows below the matrix are computed and not stored
      bias[r] = p.bias + static_cast<int64_t>(y) * p.tokens;
      visible[r] = p.causal ? y + 1 : p.tokens;
    }
  }
  __device__ __forceinline__ void hide(float (&s)[4], int column) const {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (column + e % 2 >= visible[e / 2]) s[e] = -INFINITY;
    }
  }
  // s becomes scale · s + log₂e · bias. Columns beyond the visible ones are not read.
  __device__ __forceinline__ void add_bias(float (&s)[4], int column, float scale) const {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (column + e % 2 < visible[e / 2])
        s[e] = fmaf(s[e], scale, std::numbers::log2e_v<float> * __ldg(bias[e / 2] + column + e % 2));
    }
  }
};

// Below every score that counts, and finite: a row that has seen hidden columns only stays free of ∞ − ∞.
constexpr float kLowestScore = -1e30f;

// Four lanes share a row.
__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(kFullWarp, x, 1));
  return fmaxf(x, __shfl_xor_sync(kFullWarp, x, 2));
}
__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(kFullWarp, x, 1);
  return x + __shfl_xor_sync(kFullWarp, x, 2);
}

}  // namespace sclip::cuda
