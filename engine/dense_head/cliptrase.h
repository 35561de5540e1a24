// CLIPtrase: softmax(q·qᵀ) + softmax(k·kᵀ) + softmax(v·vᵀ) in the last block, residual and MLP as in CLIP. With the
// option `clusters` the labels are voted on among patches that are alike (clusters.h): what the last block but one says
// of them.
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

MakeDenseHead cliptrase();

}  // namespace sclip
