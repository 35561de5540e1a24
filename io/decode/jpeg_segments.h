// What lies around the pixels of a JPEG file, for stb_image, which does not look: orientation, and whether the file is
// whole and has nothing by which the decoder would overrun its memory.
#pragma once

#include <string>

#include "io/decode/picture_reader.h"

namespace sclip {

struct JpegSegments {
  int orientation = 1;
  std::string damage;  // "is truncated: …", "is damaged: …", or empty
};

// Reads all segments, and reaches the end mark over the coded data between them; bytes between segments are skipped.
// Damage inside the coded data is the decoder's to find.
JpegSegments read_jpeg_segments(PictureBytes bytes);

}  // namespace sclip
