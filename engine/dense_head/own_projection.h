// Correlative self-attention with projections that are not the model's:
//
//   P = mean over W of softmax(xW (xW)ᵀ τ)      x = ln_1's output (N, C); heads are split after the product
//
// The values, the output projection, residual and MLP are the last block's own (the paper's Table 2).
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

// W = I.
std::shared_ptr<const DenseHead> make_identity(const Policy& policy, const HeadInputs& inputs);
// Options `n` and `seed`: n matrices of random_projection.h.
std::shared_ptr<const DenseHead> make_random(const Policy& policy, const HeadInputs& inputs);
// Option `file`: a .npy in f32 or f16, (C, C), or (A, d, d): a matrix for each head, or (d, d): one for all heads.
// Throws kInvalidArgument without a file, for another shape and for what is not finite; otherwise as read_npy.
std::shared_ptr<const DenseHead> make_learned(const Policy& policy, const HeadInputs& inputs);

}  // namespace sclip
