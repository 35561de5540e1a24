#include "engine/attention_policy.h"

#include <array>

#include "core/error.h"

namespace sclip {
namespace {

constexpr std::array kPolicies = {
    AttentionPolicy{.name = "clip", .scores = AttentionScores::kQueryKey, .summary = "CLIP's own attention"},
    AttentionPolicy{.name = "sclip",
                    .scores = AttentionScores::kCorrelative,
                    .summary = "correlative self-attention: softmax(q·qᵀ) + softmax(k·kᵀ)"},
    AttentionPolicy{.name = "maskclip", .scores = AttentionScores::kIdentity, .summary = "every patch keeps its value"},
    AttentionPolicy{.name = "q-only", .scores = AttentionScores::kQueryQuery, .summary = "softmax(q·qᵀ)"},
    AttentionPolicy{.name = "k-only", .scores = AttentionScores::kKeyKey, .summary = "softmax(k·kᵀ)"},
    AttentionPolicy{.name = "clearclip",
                    .scores = AttentionScores::kQueryQuery,
                    .residual = false,
                    .mlp = false,
                    .summary = "softmax(q·qᵀ), no residual, no MLP"},
    AttentionPolicy{.name = "naclip",
                    .scores = AttentionScores::kKeyKey,
                    .residual = false,
                    .mlp = false,
                    .locality_sigma = 5,
                    .summary = "softmax(k·kᵀ + Gaussian of the distance), no residual, no MLP"},
};

}  // namespace

std::span<const AttentionPolicy> attention_policies() {
  return kPolicies;
}

const AttentionPolicy& find_attention_policy(std::string_view name) {
  std::string known;
  for (const AttentionPolicy& policy : kPolicies) {
    if (policy.name == name) return policy;
    known += (known.empty() ? "" : ", ") + std::string(policy.name);
  }
  fail(ErrorCode::kInvalidArgument, "there is no attention policy '", name, "': use one of ", known);
}

}  // namespace sclip
