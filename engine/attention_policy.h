// What the last image block does instead of CLIP's self-attention: a row of one table per policy.
#pragma once

#include <span>
#include <string_view>

#include "kernels/attention/attention.h"

namespace sclip {

struct AttentionPolicy {
  std::string_view name;     // as the command line spells it
  AttentionScores scores;    // of the last block
  bool residual = true;      // x + attention(x), or attention(x) alone
  bool mlp = true;           // whether the last block's MLP runs
  float locality_sigma = 0;  // > 0: a Gaussian of this many patches is added to the scores (NACLIP)
  std::string_view summary;
};

std::span<const AttentionPolicy> attention_policies();
// Throws kInvalidArgument naming the policies there are.
const AttentionPolicy& find_attention_policy(std::string_view name);

}  // namespace sclip
