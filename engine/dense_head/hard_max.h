// Hard attention: the limit of ever sharper scores. Each token takes the value of the one with the largest q·kᵀ.
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

std::shared_ptr<const DenseHead> make_hard_max(const Policy& policy, const HeadInputs& inputs);

}  // namespace sclip
