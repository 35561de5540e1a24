#include "io/stb_decode.h"

#include <algorithm>
#include <cstring>

// Static: an application with its own stb_image links without clashes.
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_PIC
#define STBI_NO_PNM
#define STBI_NO_LINEAR
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace sclip {
namespace {

class Source {
 public:
  explicit Source(std::span<const std::byte> bytes) : bytes_(bytes) {}
  bool overrun() const { return overrun_; }

  static const stbi_io_callbacks& callbacks() {
    static const stbi_io_callbacks table{
        [](void* self, char* to, int n) { return static_cast<Source*>(self)->read(to, n); },
        [](void* self, int n) { static_cast<Source*>(self)->skip(n); },
        [](void* self) { return static_cast<int>(static_cast<Source*>(self)->bytes_.empty()); }};
    return table;
  }

 private:
  // Into its own buffer, where its first read goes, stb_image reads ahead, and asks again only when it needs a byte;
  // elsewhere it reads what it needs at once.
  int read(char* to, int n) {
    if (ahead_ == nullptr) ahead_ = to;
    const size_t wanted = static_cast<size_t>(std::max(n, 0));
    const size_t count = std::min(wanted, bytes_.size());
    if (count < (to == ahead_ ? std::min<size_t>(wanted, 1) : wanted)) overrun_ = true;
    if (count > 0) std::memcpy(to, bytes_.data(), count);
    bytes_ = bytes_.subspan(count);
    return static_cast<int>(count);
  }
  void skip(int n) { bytes_ = bytes_.subspan(std::min(static_cast<size_t>(std::max(n, 0)), bytes_.size())); }

  std::span<const std::byte> bytes_;
  char* ahead_ = nullptr;
  bool overrun_ = false;
};

std::string failure_reason() {
  const char* reason = stbi_failure_reason();
  return reason != nullptr ? reason : "unknown";
}

}  // namespace

StbSize stb_read_size(std::span<const std::byte> bytes) {
  Source source(bytes);
  StbSize size;
  int channels = 0;
  if (stbi_info_from_callbacks(&Source::callbacks(), &source, &size.width, &size.height, &channels) == 0) {
    size = {.truncated = source.overrun(), .reason = failure_reason()};
  }
  return size;
}

StbPicture stb_decode(std::span<const std::byte> bytes) {
  Source source(bytes);
  StbPicture picture;
  int channels = 0;
  picture.rgb.reset(
      stbi_load_from_callbacks(&Source::callbacks(), &source, &picture.width, &picture.height, &channels, 3));
  if (!picture.rgb) picture.reason = failure_reason();
  picture.truncated = source.overrun();
  return picture;
}

}  // namespace sclip
