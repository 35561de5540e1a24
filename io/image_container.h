// What lies around the pixels of a JPEG or PNG file: size, orientation, and whether the file is whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace sclip {

struct ContainerInfo {
  int64_t width = 0;    // 0 when the header has no size
  int64_t height = 0;   // as stored: before the orientation
  int orientation = 1;  // EXIF: 1 … 8
  std::string damage;   // "is truncated: …", "is damaged: …", or empty
};

// Reads all segments, and reaches the end mark over the coded data between them. The file may have trailers after it.
// Refuses what would make the decoder overrun its memory. Damage inside the coded data is the decoder's to find.
ContainerInfo inspect_jpeg(std::span<const std::byte> bytes);
// Reads all chunks; verifies the checksums of those that matter for the pixels, and that the file reaches its end mark.
ContainerInfo inspect_png(std::span<const std::byte> bytes);

}  // namespace sclip
