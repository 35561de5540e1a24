// WebP by libwebp, lossy and lossless: a still picture, or the first frame of an animation on its canvas, black where
// the frame does not cover it. Alpha is dropped.
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>

#include "io/decode/decoders.h"
#include "io/decode/exif.h"
#include "sclip/error.h"

namespace sclip {
namespace {

struct Delete {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
  void operator()(WebPIDecoder* decoder) const { WebPIDelete(decoder); }
};

class WebpReader final : public WholePictureReader {
 public:
  explicit WebpReader(PictureBytes bytes) : bytes_(bytes) {
    const WebPData data = {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    demuxer_.reset(WebPDemuxPartial(&data, &state));
    WebPIterator frame{};
    if (!demuxer_ || state < WEBP_DEMUX_PARSED_HEADER || WebPDemuxGetFrame(demuxer_.get(), 1, &frame) == 0) {
      if (state == WEBP_DEMUX_PARSE_ERROR) fail(ErrorCode::kCorruptData, "is damaged: its chunks do not fit together");
      fail(ErrorCode::kCorruptData, "is truncated: it ends after ", bytes.size(), " bytes, before its first row");
    }
    left_ = frame.x_offset;
    top_ = frame.y_offset;
    width_ = frame.width;
    height_ = frame.height;
    fragment_ = frame.fragment;
    truncated_ = frame.complete == 0;
    WebPDemuxReleaseIterator(&frame);
    header_.width = WebPDemuxGetI(demuxer_.get(), WEBP_FF_CANVAS_WIDTH);
    header_.height = WebPDemuxGetI(demuxer_.get(), WEBP_FF_CANVAS_HEIGHT);
    if (left_ < 0 || top_ < 0 || width_ <= 0 || height_ <= 0 || left_ + width_ > header_.width ||
        top_ + height_ > header_.height) {
      fail(ErrorCode::kCorruptData, "is damaged: its first frame does not lie on its canvas");
    }
    WebPChunkIterator exif{};
    if (WebPDemuxGetChunk(demuxer_.get(), "EXIF", 1, &exif) != 0) {
      header_.orientation = exif_orientation(std::as_bytes(std::span(exif.chunk.bytes, exif.chunk.size)));
    }
    WebPDemuxReleaseChunkIterator(&exif);
  }

 private:
  void decode(uint8_t* rgb) override {
    std::fill_n(rgb, row_bytes() * header_.height, uint8_t{0});
    uint8_t* frame = rgb + top_ * row_bytes() + left_ * 3;
    const auto size = static_cast<size_t>((height_ - 1) * row_bytes() + width_ * 3);
    const std::unique_ptr<WebPIDecoder, Delete> decoder(
        WebPINewRGB(MODE_RGB, frame, size, static_cast<int>(row_bytes())));
    if (!decoder) fail(ErrorCode::kOutOfMemory, "needs more memory than there is");
    const VP8StatusCode status = WebPIUpdate(decoder.get(), fragment_.bytes, fragment_.size);
    if (status == VP8_STATUS_OK && !truncated_) return;
    if (status == VP8_STATUS_OUT_OF_MEMORY) fail(ErrorCode::kOutOfMemory, "needs more memory than there is");
    int rows = 0;
    WebPIDecGetRGB(decoder.get(), &rows, nullptr, nullptr, nullptr);
    const int64_t row = top_ + rows;
    if (status == VP8_STATUS_SUSPENDED || status == VP8_STATUS_OK) {
      damaged(ends_in_row(bytes_.size(), row, header_.height));
    } else {
      damaged(str("is damaged in row ", std::min(row, header_.height - 1) + 1, " of ", header_.height));
    }
  }

  PictureBytes bytes_;
  std::unique_ptr<WebPDemuxer, Delete> demuxer_;
  int64_t left_ = 0, top_ = 0, width_ = 0, height_ = 0;  // of the frame
  WebPData fragment_{};
  bool truncated_ = false;
};

}  // namespace

ReaderPointer open_webp(PictureBytes bytes) {
  return std::make_unique<WebpReader>(bytes);
}

}  // namespace sclip
