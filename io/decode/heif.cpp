// HEIC and AVIF by libheif: the primary picture, turned as the container says. Its EXIF block is left alone, as the
// formats demand. Alpha is dropped.
#include <libheif/heif.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "io/decode/decoders.h"
#include "sclip/error.h"

namespace sclip {
namespace {

struct Release {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(heif_image* image) const { heif_image_release(image); }
};

void check(const heif_error& error) {
  std::string message = error.message;
  std::replace(message.begin(), message.end(), '\n', ' ');
  switch (error.code) {
    case heif_error_Ok: return;
    case heif_error_Memory_allocation_error: fail(ErrorCode::kOutOfMemory, "needs more memory than there is");
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
      fail(ErrorCode::kUnsupported, "is of a kind that this build's libheif does not decode (", message, ")");
    default: fail(ErrorCode::kCorruptData, "is truncated or damaged (", message, ")");
  }
}

class HeifReader final : public WholePictureReader {
 public:
  explicit HeifReader(PictureBytes bytes) : context_(heif_context_alloc()) {
    if (!context_) fail(ErrorCode::kOutOfMemory, "needs more memory than there is");
    check(heif_context_read_from_memory_without_copy(context_.get(), bytes.data(), bytes.size(), nullptr));
    heif_image_handle* handle = nullptr;
    check(heif_context_get_primary_image_handle(context_.get(), &handle));
    handle_.reset(handle);
    header_.width = heif_image_handle_get_width(handle);
    header_.height = heif_image_handle_get_height(handle);
  }

 private:
  void decode(uint8_t* rgb) override {
    heif_image* decoded = nullptr;
    check(heif_decode_image(handle_.get(), &decoded, heif_colorspace_RGB, heif_chroma_interleaved_RGB, nullptr));
    const std::unique_ptr<heif_image, Release> image(decoded);
    int stride = 0;
    const uint8_t* from = heif_image_get_plane_readonly(decoded, heif_channel_interleaved, &stride);
    const int64_t width = heif_image_get_width(decoded, heif_channel_interleaved);
    const int64_t height = heif_image_get_height(decoded, heif_channel_interleaved);
    if (from == nullptr || width != header_.width || height != header_.height) {
      fail(ErrorCode::kCorruptData, "is damaged: its picture has ", width, " × ", height, " pixels where ",
           header_.width, " × ", header_.height, " are said");
    }
    for (int64_t y = 0; y < height; ++y) {
      std::memcpy(rgb + y * row_bytes(), from + y * stride, static_cast<size_t>(row_bytes()));
    }
  }

  std::unique_ptr<heif_context, Release> context_;
  std::unique_ptr<heif_image_handle, Release> handle_;
};

}  // namespace

ReaderPointer open_heif(PictureBytes bytes) {
  return std::make_unique<HeifReader>(bytes);
}

}  // namespace sclip
