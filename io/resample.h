// Pictures for people in another size.
#pragma once

#include "io/image.h"

namespace sclip {

// Each pixel is the mean of those that it covers, of whole ones; enlarged, of the one that it lies in. RGB.
Image resample(ImageView picture, int width, int height);

}  // namespace sclip
