// P as a sum of several softmaxes and added probabilities, and P itself as a result: what the kernels that can do it
// are told besides AttentionArgs.
#pragma once

#include "kernels/attention/attention_args.cuh"

namespace sclip::cuda {

constexpr int kMostSoftmaxes = 3;

// An AttentionMatrix whose strides are all written out.
struct MatrixArgs {
  const float* data;  // or null
  int64_t batch_stride, head_stride, row_stride;

  __device__ __forceinline__ const float* row(int head, int row) const {
    return data + blockIdx.z * batch_stride + head * head_stride + row * row_stride;
  }
};

template <typename T>
struct GeneralArgs : AttentionArgs<T> {  // bias of the base is not used
  MatrixArgs biases, added;
  const float* window_scales;  // (B) or null
  const T* values;             // qkv, or another array like it: its v is what P meets
  float* probabilities;        // (B, A, N, N), (B, N, N) or null
  float softmax_weight, added_weight;
  int softmaxes;  // 0…3
  int products;   // how many of them are of products: all or none
  bool mean_of_heads, accumulate;

  // Of softmax `s`: q, k and v are 0, 1 and 2. With more than one, they are q·qᵀ, k·kᵀ, v·vᵀ.
  __device__ __forceinline__ int left_of(int s) const { return softmaxes == 1 ? this->left : s; }
  __device__ __forceinline__ int right_of(int s) const { return softmaxes == 1 ? this->right : s; }
  __device__ __forceinline__ float window_scale() const {
    return window_scales != nullptr ? window_scales[blockIdx.z] : 1.0f;
  }
};

// Where a row of P goes. For the mean, one block goes through the heads of its rows in order, and a thread meets the
// elements that it wrote itself: the sum has one order, and needs no atomics.
template <typename T>
struct ProbabilityRow {
  float* to;
  float factor;
  bool add;

  __device__ __forceinline__ ProbabilityRow(const GeneralArgs<T>& p, int head, int row) {
    const int64_t matrix = p.mean_of_heads ? blockIdx.z : static_cast<int64_t>(blockIdx.z) * p.heads + head;
    to = p.probabilities + (matrix * p.tokens + row) * p.tokens;
    factor = p.mean_of_heads ? 1.0f / static_cast<float>(p.heads) : 1.0f;
    add = p.accumulate || (p.mean_of_heads && head > 0);
  }
  __device__ __forceinline__ void put(int column, float value) const {
    to[column] = add ? fmaf(value, factor, to[column]) : value * factor;
  }
};

}  // namespace sclip::cuda
