// Multi-head self-attention of short sequences, with the scores a policy chooses.
//
//   P   = softmax_weight · Σ_s softmax(scale · s + bias)  +  added_weight · added
//   out = P · V                                       over the score kinds s: q·kᵀ, q·qᵀ, k·kᵀ, v·vᵀ
//
// One kind is ordinary attention; q·qᵀ and k·kᵀ together are correlative self-attention (paper,
// equation 3): both probability matrices meet the same V, so they are added first and multiplied
// with V once: 3 units of N²·d multiplications where two attentions take 4.
// The rows then sum to 2; they are not halved.
// No N×N matrix is held unless P is asked for: a block of query rows keeps its own rows of scores in cache.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

enum class AttentionScores : uint8_t {
  kQueryKey,     // softmax(q·kᵀ): CLIP
  kQueryQuery,   // softmax(q·qᵀ)
  kKeyKey,       // softmax(k·kᵀ)
  kCorrelative,  // softmax(q·qᵀ) + softmax(k·kᵀ): SCLIP
  kIdentity,     // out = V: MaskCLIP
  kValueValue,   // softmax(v·vᵀ)
  kSelfSelf,     // softmax(q·qᵀ) + softmax(k·kᵀ) + softmax(v·vᵀ)
  kBias,         // softmax(bias)
  kNone,         // no softmax: `added` alone
};

// An (N, N) matrix of f32 for every window and head. A stride, in elements, of 0 shares one matrix among them.
struct AttentionMatrix {
  const float* data = nullptr;  // null: there is none
  int64_t batch_stride = 0;
  int64_t head_stride = 0;
  int64_t row_stride = 0;  // 0: N
};

inline constexpr int64_t kAttentionHeadDimMultiple = 4;
inline constexpr int64_t kAttentionMaxHeadDim = 256;

struct AttentionParams {
  const void* qkv = nullptr;  // (B, N, 3, A, d) in dtype; on the CPU aligned to 4 bytes. Null where nothing of it is
                              // read: no out, and scores kBias or kNone
  void* out = nullptr;        // (B, N, A, d) in dtype, no overlap with qkv; or null: only the probabilities
  AttentionMatrix bias{};     // added to the scaled scores. −∞ hides a column; a row keeps one that is finite
  DType dtype = DType::kF32;  // kF32 or kBF16, on CUDA also kF16; accumulation and softmax in f32
  AttentionScores scores = AttentionScores::kQueryKey;
  bool causal =
      false;  // token i sees tokens 0…i only; with one bias for all, and nothing of what follows softmax_scale
  int64_t batch = 0;                     // B
  int64_t tokens = 0;                    // N ≥ 1
  int64_t heads = 0;                     // A
  int64_t head_dim = 0;                  // d: a multiple of 4, at most 256
  float softmax_scale = 1.0f;            // > 0
  const float* window_scales = nullptr;  // (B), > 0: a window's factor to softmax_scale; or null
  float softmax_weight = 1.0f;
  AttentionMatrix added{};
  float added_weight = 1.0f;
  float* probabilities = nullptr;  // P in f32, (B, A, N, N) or, as the mean of the heads, (B, N, N); or null. It
                                   // overlaps nothing else
  bool mean_of_heads = false;
  bool accumulate = false;  // P is added to what `probabilities` holds
};

void attention_cpu(const AttentionParams& params, CpuQueue queue);
void attention_cuda(const AttentionParams& params, CudaQueue queue);

namespace ref {
void attention(const AttentionParams& params);  // f32 only
}

}  // namespace sclip
