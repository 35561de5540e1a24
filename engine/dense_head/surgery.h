// CLIP Surgery: softmax(v·vᵀ·τ) on a second stream, and scores that are weighed by what the class token says of the
// words (kernels/feature_surgery; option `feature`).
//
// The class token is the first stream's, of the window that the patches are in: with one window the photo's own, as the
// authors have it. One word has nothing to be weighed against: the score of the empty text under CLIP's 80 templates
// is taken off it.
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

MakeDenseHead surgery();

}  // namespace sclip
