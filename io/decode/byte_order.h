// Numbers in a file's bytes. The caller has checked that they are there.
#pragma once

#include <cstdint>

#include "io/decode/picture_reader.h"

namespace sclip {

inline uint32_t byte_at(PictureBytes bytes, size_t at) {
  return std::to_integer<uint32_t>(bytes[at]);
}
inline uint32_t big16(PictureBytes b, size_t at) {
  return byte_at(b, at) << 8 | byte_at(b, at + 1);
}
inline uint32_t big32(PictureBytes b, size_t at) {
  return big16(b, at) << 16 | big16(b, at + 2);
}
inline uint32_t little16(PictureBytes b, size_t at) {
  return byte_at(b, at + 1) << 8 | byte_at(b, at);
}
inline uint32_t little32(PictureBytes b, size_t at) {
  return little16(b, at + 2) << 16 | little16(b, at);
}

}  // namespace sclip
