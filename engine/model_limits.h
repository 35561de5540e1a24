// What a model may be for this engine to run it.
#pragma once

#include <string_view>

#include "sclip/model_config.h"

namespace sclip {

// Asked once, before any weight is laid out, so that no kernel meets a model that it cannot run. `model` begins the
// message. Sizes and numbers that no model has are kCorruptData; a model that the kernels do not take is kUnsupported.
void validate(const ModelConfig& config, std::string_view model);

}  // namespace sclip
