// The border: what callers may ask for is checked here once, and trusted behind.
#pragma once

#include "sclip/model_config.h"
#include "sclip/segment_options.h"
#include "sclip/session.h"

namespace sclip {

// Throw kInvalidArgument with what is wrong and what to do.
void validate(const SegmentOptions& options, const ModelConfig& model);
// The photo, and that buffers have its size. `queries`: K of the bank.
void validate(const PhotoRequest& request, int64_t queries);
// That buffers have the photo's size.
void validate_buffers(const PhotoRequest& request, int64_t queries);

}  // namespace sclip
