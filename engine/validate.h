// The border: what callers may ask for is checked here once, and trusted behind.
#pragma once

#include "engine/segment_options.h"
#include "engine/session.h"
#include "weights/model_config.h"

namespace sclip {

// Throw kInvalidArgument with what is wrong and what to do.
void validate(const SegmentOptions& options, const ModelConfig& model);
// The photo, and that buffers have its size. `queries`: K of the bank.
void validate(const PhotoRequest& request, int64_t queries);

}  // namespace sclip
