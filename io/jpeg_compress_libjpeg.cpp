// libjpeg leaves a failed call by longjmp: what is called within `guarded` owns nothing.
#include <cstdio>
// Needs what <cstdio> declares.
#include <jpeglib.h>

#include <jerror.h>

#include <csetjmp>
#include <cstdlib>
#include <span>
#include <string>

#include "io/jpeg_compress.h"
#include "sclip/error.h"

namespace sclip {
namespace {

class Compressor {
 public:
  Compressor() {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr j) { std::longjmp(static_cast<Compressor*>(j->client_data)->escape_, 1); };
    errors_.output_message = [](j_common_ptr) {};
    jpeg_.client_data = this;
  }
  ~Compressor() {
    jpeg_destroy_compress(&jpeg_);
    std::free(memory_);
  }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  std::span<const std::byte> compress(ImageView picture) {
    if (!guarded([&] { write(picture); })) throw_failure(picture);
    return std::as_bytes(std::span(memory_, size_));
  }

 private:
  template <typename Call>
  bool guarded(const Call& call) {
    if (setjmp(escape_) != 0) return false;
    call();
    return true;
  }

  void write(ImageView picture) {
    jpeg_create_compress(&jpeg_);
    jpeg_mem_dest(&jpeg_, &memory_, &size_);
    jpeg_.image_width = static_cast<JDIMENSION>(picture.width);
    jpeg_.image_height = static_cast<JDIMENSION>(picture.height);
    jpeg_.input_components = 3;
    jpeg_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg_);
    jpeg_set_quality(&jpeg_, kJpegQuality, TRUE);
    for (int i = 0; i < jpeg_.num_components; ++i) {
      jpeg_.comp_info[i].h_samp_factor = 1;
      jpeg_.comp_info[i].v_samp_factor = 1;
    }
    jpeg_start_compress(&jpeg_, TRUE);
    while (jpeg_.next_scanline < jpeg_.image_height) {
      // Only read: libjpeg's rows are not const.
      JSAMPROW row = const_cast<JSAMPROW>(picture.row(static_cast<int>(jpeg_.next_scanline)));
      jpeg_write_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_compress(&jpeg_);
  }

  [[noreturn]] void throw_failure(ImageView picture) {
    char text[JMSG_LENGTH_MAX] = {};
    errors_.format_message(reinterpret_cast<j_common_ptr>(&jpeg_), text);
    const bool memory = errors_.msg_code == JERR_OUT_OF_MEMORY;
    fail(memory ? ErrorCode::kOutOfMemory : ErrorCode::kInternal, "a picture of ", picture.width, " × ", picture.height,
         " pixels cannot be written as a JPEG: ", std::string(text));
  }

  jpeg_compress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  std::jmp_buf escape_{};
  unsigned char* memory_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

std::vector<std::byte> compress_jpeg(ImageView picture) {
  Compressor compressor;
  const std::span<const std::byte> bytes = compressor.compress(picture);
  return {bytes.begin(), bytes.end()};
}

}  // namespace sclip
