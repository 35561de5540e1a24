// Constants that heads add to the scores of attention by where patches lie: the Gaussian of the distance between them
// (NACLIP, ResCLIP), and a neighbourhood beyond which a patch sees nothing (the paper's local attention).
#pragma once

#include <string>

#include "engine/vision_plan.h"

namespace sclip {

std::string locality_name(float sigma);
// (N, N): ω = exp(−d² / (2σ²)) between patches d apart; 0 in the class token's row and column.
ConstantNeed locality_bias(const WindowShape& shape, float sigma);

std::string neighbourhood_name(int n);
// (N, N): 0 between patches at most (n − 1) / 2 rows and columns apart, −∞ between others and from a patch to the class
// token, which itself sees all. n is odd; 1: a patch sees itself alone.
ConstantNeed neighbourhood_bias(const WindowShape& shape, int n);

}  // namespace sclip
