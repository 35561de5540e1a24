// TIFF files from label maps, with GeoTIFF's tags.
#pragma once

#include <cstddef>
#include <vector>

#include "io/geo_tags.h"
#include "io/png_write.h"

namespace sclip {

// Pixel value = label: 8 bits of grey, 16 where `largest` is above 255. Deflated in strips. "Software: sclip".
// Throws kUnsupported in a build without libtiff.
std::vector<std::byte> encode_tiff_labels(LabelView picture, uint16_t largest, const GeoTags& geo);

}  // namespace sclip
