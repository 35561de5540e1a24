#include <cstdint>

#include "io/jpeg_compress.h"
#include "sclip/error.h"

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace sclip {
namespace {

void append(void* context, void* data, int size) {
  auto& bytes = *static_cast<std::vector<std::byte>*>(context);
  const auto* from = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), from, from + size);
}

}  // namespace

std::vector<std::byte> compress_jpeg(ImageView picture) {
  static_assert(kJpegQuality > 90, "stb halves the colours' resolution");
  std::vector<std::byte> bytes;
  bytes.reserve(static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) / 2);
  SCLIP_CHECK(
      stbi_write_jpg_to_func(append, &bytes, picture.width, picture.height, 3, picture.pixels, kJpegQuality) != 0,
      kInternal, "a picture of ", picture.width, " × ", picture.height, " pixels cannot be written as a JPEG");
  return bytes;
}

}  // namespace sclip
