// The one thing that matters here of an EXIF block: how the camera was held.
#pragma once

#include "io/decode/picture_reader.h"

namespace sclip {

// `block` begins with "Exif\0\0" or at once with the TIFF header behind it. The tag may have any integer type. 1 when
// the block says nothing sensible: damaged metadata must not cost the picture.
int exif_orientation(PictureBytes block);

}  // namespace sclip
