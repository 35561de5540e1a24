// JPEG files from 8-bit RGB pictures.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sclip/image_view.h"

namespace sclip {

// Has "Software: sclip" as a comment, by which a file that sclip wrote is known again.
bool is_marked_jpeg(std::span<const std::byte> head);  // the first kJpegMarkBytes of the file, or all of a shorter one
inline constexpr size_t kJpegMarkBytes = 64;

// Colours at full resolution, so that borders stay sharp. A JPEG here has at most 65500 pixels a side
// (kInvalidArgument).
std::vector<std::byte> encode_jpeg_rgb(ImageView picture);

}  // namespace sclip
