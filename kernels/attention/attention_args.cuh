// What the kernels are told, and where a block's head lies in it.
#pragma once

#include "kernels/attention/attention_tile.h"

namespace sclip::cuda {

constexpr int kAttentionWarps = kAttentionRows / 16;
constexpr int kAttentionThreads = 32 * kAttentionWarps;

template <typename T>
struct AttentionArgs {
  const T* qkv;       // (B, N, 3, A, d)
  T* out;             // (B, N, A, d)
  const float* bias;  // (N, N) or null
  int tokens;         // N
  int heads;          // A
  int head_dim;       // d
  int left, right;    // one kind of scores is left · rightᵀ: 0 for q, 1 for k
  float softmax_scale;
  float softmax_scale_log2;  // · log₂e: on tensor cores exponentials are powers of two
  bool causal;
};

// The same value, of which the compiler knows nothing: what is computed from it is computed again at each use, in a few
// integer instructions, and not kept in registers from the kernel's beginning to its end. There are none to spare.
__device__ __forceinline__ int recompute(int x) {
  asm volatile("" : "+r"(x));
  return x;
}

// Where a block's head begins: q of its first token (k lies A·d elements behind, v twice that), and its first row of
// the output. The grid is (query blocks, heads, batch): blocks of one head are neighbours, so that its keys and values
// come from DRAM once and from L2 after that.
template <typename T>
__device__ __forceinline__ const T* of_head(const AttentionArgs<T>& p, const T* qkv, int head) {
  return qkv + (static_cast<int64_t>(recompute(blockIdx.z)) * p.tokens * 3 * p.heads + head) * p.head_dim;
}
template <typename T>
__device__ __forceinline__ const T* qkv_of_head(const AttentionArgs<T>& p, int head) {
  return of_head(p, p.qkv, head);
}
template <typename T>
__device__ __forceinline__ const T* qkv_of_head(const AttentionArgs<T>& p) {
  return qkv_of_head(p, recompute(blockIdx.y));
}
template <typename T>
__device__ __forceinline__ T* out_of_row(const AttentionArgs<T>& p, int row, int head) {
  return p.out + ((static_cast<int64_t>(recompute(blockIdx.z)) * p.tokens + row) * p.heads + head) * p.head_dim;
}
template <typename T>
__device__ __forceinline__ T* out_of_row(const AttentionArgs<T>& p, int row) {
  return out_of_row(p, row, recompute(blockIdx.y));
}

}  // namespace sclip::cuda
