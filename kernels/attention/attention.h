// Multi-head self-attention of short sequences, with the scores a policy chooses.
//
//   P   = softmax_weight · Σ_s softmax(scale · s + bias)  +  added_weight · added
//   out = P · V                                       over the score kinds s: q·kᵀ, q·qᵀ, k·kᵀ, v·vᵀ
//
// V is v, or that of another array.
// One kind is ordinary attention; q·qᵀ and k·kᵀ together are correlative self-attention (paper,
// equation 3): both probability matrices meet the same V, so they are added first and multiplied
// with V once: 3 units of N²·d multiplications where two attentions take 4.
// The rows then sum to 2; they are not halved.
// No N×N matrix is held unless P is asked for: a block of query rows keeps its own rows of scores in cache.
#pragma once

#include <cstdint>
#include <utility>

#include "core/dtype.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "sclip/error.h"

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
  bool causal = false;                   // token i sees tokens 0…i only; with one bias for all, and nothing of what
                                         // follows softmax_scale
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
  bool accumulate = false;       // P is added to what `probabilities` holds
  const void* values = nullptr;  // like qkv, with no overlap with out: its v is what P meets, not that of qkv; or null
};

// How many softmaxes P is the sum of.
constexpr int count_softmaxes(AttentionScores scores) {
  switch (scores) {
    case AttentionScores::kCorrelative: return 2;
    case AttentionScores::kSelfSelf: return 3;
    case AttentionScores::kIdentity:
    case AttentionScores::kNone: return 0;
    default: return 1;
  }
}

constexpr bool has_products(AttentionScores scores) {
  return count_softmaxes(scores) > 0 && scores != AttentionScores::kBias;
}

// Whether P is anything else than softmaxes of scores with one bias, or goes elsewhere than to V.
constexpr bool is_general(const AttentionParams& p) {
  const bool one_bias =
      p.bias.batch_stride == 0 && p.bias.head_stride == 0 && (p.bias.row_stride == 0 || p.bias.row_stride == p.tokens);
  return p.added.data != nullptr || p.probabilities != nullptr || p.softmax_weight != 1.0f ||
         p.window_scales != nullptr || p.values != nullptr || (p.bias.data != nullptr && !one_bias) ||
         p.scores == AttentionScores::kSelfSelf || p.scores == AttentionScores::kBias ||
         p.scores == AttentionScores::kNone;
}

// What both implementations ask of their arguments.
inline void check_params(const AttentionParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.tokens > 0 && p.heads > 0 && p.head_dim > 0 && p.head_dim <= kAttentionMaxHeadDim &&
                  p.head_dim % kAttentionHeadDimMultiple == 0,
              kInvalidArgument, "attention: a batch of ", p.batch, ", ", p.tokens, " tokens, ", p.heads, " heads of ",
              p.head_dim, ": head_dim must be a multiple of ", kAttentionHeadDimMultiple, " up to ",
              kAttentionMaxHeadDim, ", and neither tokens nor heads may be 0");
  // Written so that NaN is refused.
  SCLIP_CHECK(p.softmax_scale > 0, kInvalidArgument, "attention: softmax_scale is ", p.softmax_scale, ", not positive");
  SCLIP_CHECK(p.out != nullptr || p.probabilities != nullptr, kInvalidArgument,
              "attention: neither out nor probabilities: nothing would be computed");
  SCLIP_CHECK(p.values == nullptr || p.out != nullptr, kInvalidArgument,
              "attention: values of their own, and no out that they could be mixed into");
  SCLIP_CHECK(p.qkv != nullptr || ((p.out == nullptr || p.values != nullptr) && !has_products(p.scores)),
              kInvalidArgument, "attention: qkv is null, and its rows are needed");
  SCLIP_CHECK(p.probabilities != nullptr || !(p.mean_of_heads || p.accumulate), kInvalidArgument,
              "attention: mean_of_heads and accumulate say how probabilities are returned, and there are none");
  for (const auto& [matrix, name] : {std::pair{&p.bias, "bias"}, std::pair{&p.added, "added"}}) {
    SCLIP_CHECK(matrix->row_stride == 0 || matrix->row_stride >= p.tokens, kInvalidArgument, "attention: rows of ",
                name, " lie ", matrix->row_stride, " elements apart and hold ", p.tokens);
  }
  if (p.scores == AttentionScores::kIdentity) {
    SCLIP_CHECK(
        !is_general(p), kInvalidArgument,
        "attention: identity scores copy the values; added, probabilities, weights, window_scales and values of "
        "their own need a kind of scores that has probabilities");
  }
  SCLIP_CHECK(p.scores != AttentionScores::kBias || p.bias.data != nullptr, kInvalidArgument,
              "attention: the softmax of the bias was asked for, and bias is null");
  SCLIP_CHECK(p.scores != AttentionScores::kNone || p.added.data != nullptr, kInvalidArgument,
              "attention: no scores and no added probabilities: nothing would be computed");
  SCLIP_CHECK(!p.causal || !is_general(p), kUnsupported,
              "attention: causal, together with added, returned or weighted probabilities, window_scales, several "
              "biases, values of their own, or scores other than q, k and v's own: no kernel does it; put −∞ into the "
              "bias instead");
}

void attention_cpu(const AttentionParams& params, CpuQueue queue);
void attention_cuda(const AttentionParams& params, CudaQueue queue);

namespace ref {
void attention(const AttentionParams& params);  // f32 only
// magnitude (B, N, h, d) = |probabilities| (B, h, N, N) · |values|, values lying as V does in QKV (B, N, 3, h, d): by
// it the rounding of a sum is measured.
void attention_magnitude(const AttentionParams& shape, const float* probabilities, const float* values,
                         float* magnitude);
}  // namespace ref

}  // namespace sclip
