// Colours for numbers: matplotlib's "inferno", in which equal steps look equal, also in grey and to the colour-blind.
#pragma once

#include "io/palette.h"

namespace sclip {

// From nearly black at 0 to a pale yellow at 1; beyond them as at the ends. NaN is 0.
Rgb heat_color(double share);

}  // namespace sclip
