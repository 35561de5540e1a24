#include "io/jpeg_write.h"

#include <algorithm>
#include <climits>
#include <cstdint>
#include <string_view>

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

constexpr int kQuality = 93;  // above 90 stb keeps the colours' resolution
constexpr int kMostSide = 65535;
constexpr size_t kHeaderBytes = 20;  // start of image, and the JFIF segment that must follow it
constexpr std::string_view kComment("\xff\xfe\0\x11Software: sclip", 19);

void append(void* context, void* data, int size) {
  auto& bytes = *static_cast<std::vector<std::byte>*>(context);
  const auto* from = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), from, from + size);
}

}  // namespace

bool is_marked_jpeg(std::span<const std::byte> head) {
  constexpr size_t kEnd = kHeaderBytes + kComment.size();
  static_assert(kEnd <= kJpegMarkBytes);
  return head.size() >= kEnd && head[0] == std::byte{0xff} && head[1] == std::byte{0xd8} &&
         std::equal(kComment.begin(), kComment.end(), head.begin() + kHeaderBytes,
                    [](char a, std::byte b) { return static_cast<std::byte>(a) == b; });
}

std::vector<std::byte> encode_jpeg_rgb(ImageView picture) {
  check_rgb(picture, "a picture for a JPEG", true);
  const int64_t samples = int64_t{3} * picture.width * picture.height;
  SCLIP_CHECK(picture.width <= kMostSide && picture.height <= kMostSide && samples <= INT_MAX, kInvalidArgument,
              "a picture of ", picture.width, " × ", picture.height,
              " pixels is too large for a JPEG, which has at most ", kMostSide,
              " a side and here 715 million in all: write a PNG instead");
  std::vector<std::byte> bytes;
  bytes.reserve(static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) / 2);
  SCLIP_CHECK(stbi_write_jpg_to_func(append, &bytes, picture.width, picture.height, 3, picture.pixels, kQuality) != 0,
              kInternal, "a picture of ", picture.width, " × ", picture.height, " pixels cannot be written as a JPEG");
  const auto* comment = reinterpret_cast<const std::byte*>(kComment.data());
  bytes.insert(bytes.begin() + kHeaderBytes, comment, comment + kComment.size());
  return bytes;
}

}  // namespace sclip
