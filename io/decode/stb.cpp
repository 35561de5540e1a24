// What stb_image decodes: PSD and TGA, and JPEG in builds without libjpeg.
//
// It reads through a source that notices when it is read beyond its end: stb_image itself takes missing bytes for
// zeros.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "io/decode/decoders.h"
#include "io/decode/jpeg_segments.h"
#include "sclip/error.h"

// Static: an application with its own stb_image links without clashes.
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_PIC
#define STBI_NO_PNM
#define STBI_NO_PNG
#define STBI_NO_BMP
#define STBI_NO_GIF
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
  explicit Source(PictureBytes bytes) : bytes_(bytes) {}
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

  PictureBytes bytes_;
  char* ahead_ = nullptr;
  bool overrun_ = false;
};

std::string failure_reason() {
  const char* reason = stbi_failure_reason();
  return reason != nullptr ? reason : "unknown";
}

class StbReader : public WholePictureReader {
 public:
  explicit StbReader(PictureBytes bytes) : bytes_(bytes) {
    Source source(bytes);
    int width = 0, height = 0, channels = 0;
    if (stbi_info_from_callbacks(&Source::callbacks(), &source, &width, &height, &channels) == 0) {
      fail_damaged(source.overrun());
    }
    header_.width = width;
    header_.height = height;
  }

 protected:
  void decode(uint8_t* rgb) override {
    Source source(bytes_);
    int width = 0, height = 0, channels = 0;
    struct Free {
      void operator()(uint8_t* p) const { std::free(p); }
    };
    const std::unique_ptr<uint8_t[], Free> pixels(
        stbi_load_from_callbacks(&Source::callbacks(), &source, &width, &height, &channels, 3));
    if (!pixels) fail_damaged(source.overrun());
    SCLIP_CHECK(width == header_.width && height == header_.height, kCorruptData, "is damaged: it has two sizes");
    std::memcpy(rgb, pixels.get(), static_cast<size_t>(row_bytes() * header_.height));
    if (source.overrun()) damaged(str("is truncated: it ends after ", bytes_.size(), " bytes"));
  }

 private:
  [[noreturn]] void fail_damaged(bool truncated) const {
    const std::string reason = failure_reason();
    if (reason == "outofmem") fail(ErrorCode::kOutOfMemory, "needs more memory than there is");
    if (truncated) fail(ErrorCode::kCorruptData, "is truncated: it ends after ", bytes_.size(), " bytes");
    fail(ErrorCode::kCorruptData, "is damaged or of a kind that is not supported (", reason, ")");
  }

  PictureBytes bytes_;
};

class StbJpegReader final : public StbReader {
 public:
  StbJpegReader(PictureBytes bytes, int orientation) : StbReader(bytes) { header_.orientation = orientation; }
};

}  // namespace

ReaderPointer open_stb(PictureBytes bytes) {
  return std::make_unique<StbReader>(bytes);
}

// Nothing is salvaged: what is damaged has not been searched for tables that are too long.
ReaderPointer open_jpeg_stb(PictureBytes bytes) {
  const JpegSegments segments = read_jpeg_segments(bytes);
  if (!segments.damage.empty()) fail(ErrorCode::kCorruptData, segments.damage);
  return std::make_unique<StbJpegReader>(bytes, segments.orientation);
}

}  // namespace sclip
