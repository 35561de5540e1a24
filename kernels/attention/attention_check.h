// What attention asks of its parameters, on every backend alike.
#pragma once

#include <utility>

#include "core/error.h"
#include "kernels/attention/attention.h"

namespace sclip {

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
         p.window_scales != nullptr || (p.bias.data != nullptr && !one_bias) ||
         p.scores == AttentionScores::kSelfSelf || p.scores == AttentionScores::kBias ||
         p.scores == AttentionScores::kNone;
}

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
  SCLIP_CHECK(p.qkv != nullptr || (p.out == nullptr && !has_products(p.scores)), kInvalidArgument,
              "attention: qkv is null, and its rows are needed");
  SCLIP_CHECK(p.probabilities != nullptr || !(p.mean_of_heads || p.accumulate), kInvalidArgument,
              "attention: mean_of_heads and accumulate say how probabilities are returned, and there are none");
  for (const auto& [matrix, name] : {std::pair{&p.bias, "bias"}, std::pair{&p.added, "added"}}) {
    SCLIP_CHECK(matrix->row_stride == 0 || matrix->row_stride >= p.tokens, kInvalidArgument, "attention: rows of ",
                name, " lie ", matrix->row_stride, " elements apart and hold ", p.tokens);
  }
  if (p.scores == AttentionScores::kIdentity) {
    SCLIP_CHECK(!is_general(p), kInvalidArgument,
                "attention: identity scores copy the values; added, probabilities, weights and window_scales need a "
                "kind of scores that has probabilities");
  }
  SCLIP_CHECK(p.scores != AttentionScores::kBias || p.bias.data != nullptr, kInvalidArgument,
              "attention: the softmax of the bias was asked for, and bias is null");
  SCLIP_CHECK(p.scores != AttentionScores::kNone || p.added.data != nullptr, kInvalidArgument,
              "attention: no scores and no added probabilities: nothing would be computed");
  SCLIP_CHECK(!p.causal || !is_general(p), kUnsupported,
              "attention: causal, together with added, returned or weighted probabilities, window_scales, several "
              "biases, or scores other than q, k and v's own: no kernel does it; put −∞ into the bias instead");
}

}  // namespace sclip
