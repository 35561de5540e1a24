// The attention map of an earlier block in the place of the last one's: option `i`, the block, counted from 1.
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

// Throws kInvalidArgument where the model has no such block.
std::shared_ptr<const DenseHead> make_layer_map(const Policy& policy, const HeadInputs& inputs);

}  // namespace sclip
