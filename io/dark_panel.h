// The colours of what stands beside a photo on a dark ground: legends and sheets of heat maps.
#pragma once

#include "io/palette.h"

namespace sclip {

inline constexpr Rgb kPanel{24, 26, 31}, kPanelText{240, 241, 244}, kPanelNote{158, 163, 173};

}  // namespace sclip
