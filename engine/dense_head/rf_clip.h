// RF-CLIP (AAAI 2026): sink patches softened after every block, the key-key maps of all blocks in the last one, which
// runs on patches mixed by their similarity; and words that adapt to the photo.
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

// Options: w, alpha, h, similar, scene, sinks, share.
MakeDenseHead rf_clip();

}  // namespace sclip
