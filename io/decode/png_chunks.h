// What the chunks of a PNG file tell before it is decoded: orientation, and whether the file is whole.
#pragma once

#include <string>

#include "io/decode/picture_reader.h"

namespace sclip {

struct PngChunks {
  int orientation = 1;     // from eXIf, or from a text profile as ImageMagick writes it
  bool truncated = false;  // the end mark is missing
  std::string damage;      // "is damaged: …" where a chunk that matters for the pixels has a wrong checksum
};

PngChunks read_png_chunks(PictureBytes bytes);

}  // namespace sclip
