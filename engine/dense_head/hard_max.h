// Hard attention: the limit of ever sharper scores. Each token takes the value of the one with the largest q·kᵀ.
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

// P = 1 / m at the m columns of a row whose q·kᵀ is the largest, 0 elsewhere; heads separate, class token included.
// From what project_qkv left to where attention writes; `scores` (B, A, N, N).
void hard_attention(BlockRunner& runner, float* scores);

std::shared_ptr<const DenseHead> make_hard_max(const Policy& policy, const HeadInputs& inputs);

}  // namespace sclip
