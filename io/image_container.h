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
  std::string damage;   // why the file cannot be right, or empty
};

// Reads segments up to the first scan. Damage inside the scan is the decoder's to find.
ContainerInfo inspect_jpeg(std::span<const std::byte> bytes);
// Reads all chunks; verifies the checksums of those that matter for the pixels, and that the file reaches its end mark.
ContainerInfo inspect_png(std::span<const std::byte> bytes);

}  // namespace sclip
