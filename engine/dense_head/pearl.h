// PEARL (CVPR 2026): in the last block keys are turned onto the queries, head by head, by Procrustes' rotation.
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

// Options: `alpha`. Throws kInvalidArgument for heads of more channels than the rotation takes.
std::shared_ptr<const DenseHead> make_pearl(const Policy& policy, const HeadInputs& inputs);

}  // namespace sclip
