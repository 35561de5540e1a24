// The compressor behind jpeg_write: libjpeg-turbo's where the build has it (jpeg_compress_libjpeg.cpp), else stb's.
#pragma once

#include <cstddef>
#include <vector>

#include "sclip/image_view.h"

namespace sclip {

inline constexpr int kJpegQuality = 93;

// A baseline file that begins with a JFIF segment, colours at full resolution. Of packed RGB within jpeg_write's
// limits; throws kOutOfMemory and kInternal.
std::vector<std::byte> compress_jpeg(ImageView picture);

}  // namespace sclip
