// Causal attention over a prompt trie: a node sees itself and its ancestors.
//
// Nodes lie in an order where a parent precedes its children. A trie of one path is plain causal
// attention; for prompts that share prefixes every shared token is computed once.
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

inline constexpr int64_t kTreeAttentionMaxDepth = 1024;
inline constexpr int64_t kTreeAttentionHeadDimMultiple = 4;
inline constexpr int64_t kTreeAttentionMaxHeadDim = 256;

struct TreeAttentionParams {
  const void* qkv = nullptr;        // (M nodes, 3, A, d) in dtype
  void* out = nullptr;              // (M, A, d) in dtype; no overlap with qkv
  const int32_t* parent = nullptr;  // (M): index of the parent, < own index; −1 for a root
  const int32_t* targets =
      nullptr;  // (targets_count) nodes to compute, or null for all M; out is then (targets_count, A, d)
  int64_t targets_count = 0;
  DType dtype = DType::kF32;   // kF32 or kBF16, on CUDA also kF16
  int64_t nodes = 0;           // M
  int64_t max_depth = 0;       // nodes on the longest path, 1…1024
  int64_t heads = 0;           // A
  int64_t head_dim = 0;        // d: a multiple of 4, at most 256
  float softmax_scale = 1.0f;  // > 0
};

// What all implementations ask of their arguments.
inline void check_params(const TreeAttentionParams& p) {
  check_float_dtype("tree_attention", p.dtype);
  SCLIP_CHECK(p.max_depth > 0 && p.max_depth <= kTreeAttentionMaxDepth && p.heads > 0 && p.head_dim > 0 &&
                  p.head_dim <= kTreeAttentionMaxHeadDim && p.head_dim % kTreeAttentionHeadDimMultiple == 0,
              kInvalidArgument, "tree_attention: paths of ", p.max_depth, " nodes (1 to ", kTreeAttentionMaxDepth,
              "), ", p.heads, " heads and head_dim ", p.head_dim, " (a multiple of ", kTreeAttentionHeadDimMultiple,
              " up to ", kTreeAttentionMaxHeadDim, ")");
  SCLIP_CHECK(p.softmax_scale > 0, kInvalidArgument, "tree_attention: softmax_scale is ", p.softmax_scale,
              ", not positive");
  SCLIP_CHECK(p.nodes >= 0 && p.nodes < int64_t{1} << 31 && p.targets_count >= 0, kInvalidArgument,
              "tree_attention: ", p.nodes, " nodes and ", p.targets_count, " targets; int32 counts them");
  const int64_t count = p.targets != nullptr ? p.targets_count : p.nodes;
  SCLIP_CHECK(count == 0 || (p.qkv != nullptr && p.out != nullptr && p.parent != nullptr), kInvalidArgument,
              "tree_attention: qkv, out and parent must be given");
}

void tree_attention_cpu(const TreeAttentionParams& params, CpuQueue queue);
void tree_attention_cuda(const TreeAttentionParams& params, CudaQueue queue);

namespace ref {
void tree_attention(const TreeAttentionParams& params);  // f32 only
}

}  // namespace sclip
