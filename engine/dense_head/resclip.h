// ResCLIP (CVPR 2025): NACLIP's last block mixed with the ordinary maps of the middle blocks, run twice. What the first
// pass makes of the words decides which patches attend to each other in the second.
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

// Options: tau-r, lambda-r, tau-s, lambda-s, t.
MakeDenseHead resclip();

}  // namespace sclip
