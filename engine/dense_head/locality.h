// The Gaussian of the distance between patches that some heads add to the scores of attention (NACLIP, ResCLIP).
#pragma once

#include <string>

#include "engine/vision_plan.h"

namespace sclip {

std::string locality_name(float sigma);
// (N, N): ω = exp(−d² / (2σ²)) between patches d apart; 0 in the class token's row and column.
ConstantNeed locality_bias(const WindowShape& shape, float sigma);

}  // namespace sclip
