// The heads that differ from CLIP in the last block alone: in its scores, and in whether residual and MLP are on.
#pragma once

#include "engine/dense_head/policy.h"
#include "kernels/attention/attention.h"

namespace sclip {

struct LastBlock {
  AttentionScores scores = AttentionScores::kQueryKey;
  bool residual = true;  // x + attention(x), or attention(x) alone
  bool mlp = true;       // whether the block's MLP runs
  // From options of the policy:
  bool locality = false;       // `sigma`: a Gaussian of the distance between patches is added to the scores
  bool neighbourhood = false;  // `n`: a patch sees n × n patches around it
  bool sharpen = false;        // `t`: the scores are divided by it
};

// For a row of the policies' table.
MakeDenseHead last_block(const LastBlock& what);

}  // namespace sclip
