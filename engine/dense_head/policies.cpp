// The table of policies: a row per name.
#include "engine/dense_head/last_block.h"
#include "engine/dense_head/policy.h"

namespace sclip {

std::span<const PolicyInfo> policies() {
  using enum AttentionScores;
  static const std::vector<PolicyInfo> table = {
      {.name = "clip", .summary = "CLIP's own attention", .options = {}, .make = last_block({})},
      {.name = "sclip",
       .summary = "correlative self-attention: softmax(q·qᵀ) + softmax(k·kᵀ)",
       .options = {},
       .make = last_block({.scores = kCorrelative})},
      {.name = "maskclip",
       .summary = "every patch keeps its value",
       .options = {},
       .make = last_block({.scores = kIdentity})},
      {.name = "q-only", .summary = "softmax(q·qᵀ)", .options = {}, .make = last_block({.scores = kQueryQuery})},
      {.name = "k-only", .summary = "softmax(k·kᵀ)", .options = {}, .make = last_block({.scores = kKeyKey})},
      {.name = "clearclip",
       .summary = "softmax(q·qᵀ), no residual, no MLP",
       .options = {},
       .make = last_block({.scores = kQueryQuery, .residual = false, .mlp = false})},
      {.name = "naclip",
       .summary = "softmax(k·kᵀ + Gaussian of the distance), no residual, no MLP",
       .options = {{.name = "sigma", .value = "5", .min = 0.01, .max = 1000, .meaning = "the Gaussian's, in patches"}},
       .make = last_block({.scores = kKeyKey, .residual = false, .mlp = false, .locality = true})},
  };
  return table;
}

}  // namespace sclip
