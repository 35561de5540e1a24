#include "io/decode/exif.h"

#include <cstring>

#include "io/decode/byte_order.h"

namespace sclip {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr size_t kHeader = 8, kEntry = 12;

// Bytes of one value of a TIFF integer type, or 0 for another type.
size_t integer_size(uint32_t type) {
  switch (type) {
    case 1:
    case 6: return 1;  // BYTE, SBYTE
    case 3:
    case 8: return 2;  // SHORT, SSHORT
    case 4:
    case 9: return 4;  // LONG, SLONG
    default: return 0;
  }
}

}  // namespace

int exif_orientation(PictureBytes block) {
  if (block.size() > 6 && std::memcmp(block.data(), "Exif\0\0", 6) == 0) block = block.subspan(6);
  if (block.size() < kHeader) return 1;
  const bool big = std::memcmp(block.data(), "MM\0*", 4) == 0;
  if (!big && std::memcmp(block.data(), "II*\0", 4) != 0) return 1;
  const auto read16 = [&](size_t at) { return big ? big16(block, at) : little16(block, at); };
  const auto read32 = [&](size_t at) { return big ? big32(block, at) : little32(block, at); };

  const size_t directory = read32(4);
  if (directory > block.size() - 2) return 1;
  const size_t entries = read16(directory);
  for (size_t i = 0, at = directory + 2; i < entries && at + kEntry <= block.size(); ++i, at += kEntry) {
    if (read16(at) != kOrientationTag) continue;
    const size_t size = integer_size(read16(at + 2)), count = read32(at + 4);
    if (size == 0 || count == 0 || count > 4 / size) return 1;  // more would lie elsewhere: not an orientation
    const uint32_t value = size == 1 ? byte_at(block, at + 8) : size == 2 ? read16(at + 8) : read32(at + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace sclip
