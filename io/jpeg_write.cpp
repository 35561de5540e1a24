#include "io/jpeg_write.h"

#include <algorithm>
#include <climits>
#include <cstdint>
#include <string_view>

#include "io/jpeg_compress.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr int kMostSide = 65500;     // libjpeg's
constexpr size_t kHeaderBytes = 20;  // start of image, and the JFIF segment that must follow it
constexpr std::string_view kComment("\xff\xfe\0\x11Software: sclip", 19);

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
  std::vector<std::byte> bytes = compress_jpeg(picture);
  const auto* comment = reinterpret_cast<const std::byte*>(kComment.data());
  bytes.insert(bytes.begin() + kHeaderBytes, comment, comment + kComment.size());
  return bytes;
}

}  // namespace sclip
