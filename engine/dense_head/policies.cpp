// The table of policies: a row per name.
#include "engine/dense_head/gem.h"
#include "engine/dense_head/last_block.h"
#include "engine/dense_head/policy.h"
#include "engine/dense_head/surgery.h"

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
      {.name = "gem",
       .summary = "self-self attention of q, k and v in the tower's second half, beside CLIP's own",
       .options = {{.name = "t", .value = "0", .min = 0, .max = 1000, .meaning = "the sharpness; 0: the window's own"}},
       .make = gem(),
       .reads = "every block from the seventh on",
       .published = "38.3",
       .source = "WalBouss/GEM, CVPR 2024"},
      {.name = "surgery",
       .summary = "softmax(v·vᵀ) in the tower's second half, beside CLIP's own; words weighed by the class token",
       .options = {{.name = "feature", .value = "1", .min = 0, .max = 1, .meaning = "weigh the words (1) or not (0)"}},
       .make = surgery(),
       .reads = "every block from the seventh on, the class token, the words",
       .source = "xmed-lab/CLIP_Surgery, arXiv 2304.05653"},
      {.name = "cliptrase",
       .summary = "softmax(q·qᵀ) + softmax(k·kᵀ) + softmax(v·vᵀ)",
       .options = {},
       .make = last_block({.scores = kSelfSelf}),
       .reads = "the last block",
       .source = "leaves162/CLIPtrase, ECCV 2024"},
  };
  return table;
}

}  // namespace sclip
