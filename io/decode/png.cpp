// PNG by libpng: every depth and colour type, interlaced or not. 16-bit samples keep their high byte, alpha is dropped.
//
// libpng leaves a failed call by longjmp. Every call is made inside `guarded`, whose lambdas own nothing.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include "io/decode/decoders.h"
#include "io/decode/png_chunks.h"
#include "sclip/error.h"

namespace sclip {
namespace {

struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Decoder() = default;
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

class PngReader final : public PictureReader {
 public:
  explicit PngReader(PictureBytes bytes) : bytes_(bytes), chunks_(read_png_chunks(bytes)) {
    if (!guarded([this] { read_header(); })) fail(failure_code(), failure());
    header_ = {.width = png_get_image_width(decoder_.png, decoder_.info),
               .height = png_get_image_height(decoder_.png, decoder_.info),
               .orientation = chunks_.orientation,
               .row_by_row = png_get_interlace_type(decoder_.png, decoder_.info) == PNG_INTERLACE_NONE};
  }

 private:
  static PngReader& self(png_structp png) { return *static_cast<PngReader*>(png_get_error_ptr(png)); }

  template <typename Call>
  bool guarded(const Call& call) {
    if (setjmp(escape_) != 0) return false;
    call();
    return true;
  }

  void give_up(const char* text) {
    std::snprintf(text_, sizeof text_, "%s", text);
    std::longjmp(escape_, 1);
  }

  void read_header() {
    decoder_.png = png_create_read_struct(
        PNG_LIBPNG_VER_STRING, this, [](png_structp png, png_const_charp text) { self(png).give_up(text); },
        [](png_structp, png_const_charp) {});
    if (decoder_.png == nullptr || (decoder_.info = png_create_info_struct(decoder_.png)) == nullptr)
      give_up("no memory");
    png_set_crc_action(decoder_.png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // read_png_chunks has judged them
    // Metadata is of no use here, and may be large.
    png_set_keep_unknown_chunks(decoder_.png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
    static constexpr png_byte kLeftOut[] = "tEXt\0zTXt\0iTXt\0iCCP\0eXIf\0sPLT\0hIST";
    png_set_keep_unknown_chunks(decoder_.png, PNG_HANDLE_CHUNK_NEVER, kLeftOut, 7);
    png_set_user_limits(decoder_.png, 0x7fffffff, 0x7fffffff);  // the caller has limits of its own
    png_set_read_fn(decoder_.png, this, [](png_structp png, png_bytep to, size_t count) {
      auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
      if (reader.bytes_.size() - reader.at_ < count) reader.give_up("the end of the file");
      std::memcpy(to, reader.bytes_.data() + reader.at_, count);
      reader.at_ += count;
    });
    png_read_info(decoder_.png, decoder_.info);
    png_set_palette_to_rgb(decoder_.png);
    png_set_expand_gray_1_2_4_to_8(decoder_.png);
    png_set_strip_16(decoder_.png);
    png_set_strip_alpha(decoder_.png);
    png_set_gray_to_rgb(decoder_.png);
    passes_ = png_set_interlace_handling(decoder_.png);
  }

  void read_rows(uint8_t* rgb, int64_t count) override {
    if (next_row() == 0) {
      if (!chunks_.damage.empty()) damaged(chunks_.damage);
      if (!guarded([this] { png_read_update_info(decoder_.png, decoder_.info); })) give_up_on_rows(0);
      if (!failed_ && png_get_rowbytes(decoder_.png, decoder_.info) != static_cast<size_t>(row_bytes())) {
        fail(ErrorCode::kInternal, "has rows of ", png_get_rowbytes(decoder_.png, decoder_.info), " bytes, not ",
             row_bytes());
      }
    }
    if (passes_ == 1) {
      for (int64_t i = 0; i < count; ++i) read_row(rgb + i * row_bytes(), next_row() + i);
    } else {
      read_interlaced(rgb, count);
    }
    if (next_row() + count == header_.height && !failed_ && chunks_.truncated) {
      damaged(ends_in_row(bytes_.size(), header_.height, header_.height));
    }
  }

  void read_row(uint8_t* to, int64_t y) {
    if (!failed_ && !guarded([&] { png_read_row(decoder_.png, to, nullptr); })) give_up_on_rows(y);
    if (failed_) std::fill_n(to, row_bytes(), uint8_t{0});
  }

  // All passes go over the whole picture.
  void read_interlaced(uint8_t* rgb, int64_t count) {
    const bool at_once = next_row() == 0 && count == header_.height;
    if (next_row() == 0) {
      if (!at_once) picture_.resize(static_cast<size_t>(row_bytes() * header_.height));
      uint8_t* to = at_once ? rgb : picture_.data();
      std::fill_n(to, row_bytes() * header_.height, uint8_t{0});
      for (int pass = 0; pass < passes_ && !failed_; ++pass) {
        for (int64_t y = 0; y < header_.height && !failed_; ++y) {
          if (!guarded([&] { png_read_row(decoder_.png, to + y * row_bytes(), nullptr); })) give_up_on_rows(y, pass);
        }
      }
    }
    if (!at_once)
      std::memcpy(rgb, picture_.data() + next_row() * row_bytes(), static_cast<size_t>(count * row_bytes()));
  }

  void give_up_on_rows(int64_t y, int pass = 0) {
    failed_ = true;
    if (failure_code() == ErrorCode::kOutOfMemory) fail(ErrorCode::kOutOfMemory, failure());
    const std::string of_pass = passes_ > 1 ? str(" of pass ", pass + 1) : "";
    damaged(chunks_.truncated ? ends_in_row(bytes_.size(), y, header_.height) + of_pass
                              : str("is damaged in row ", y + 1, " of ", header_.height, of_pass, " (", text_, ")"));
  }
  ErrorCode failure_code() const {
    const std::string_view text = text_;
    return text.find("emory") != text.npos ? ErrorCode::kOutOfMemory : ErrorCode::kCorruptData;
  }
  std::string failure() const {
    if (chunks_.truncated) return str("is truncated: it ends after ", bytes_.size(), " bytes, before its first row");
    return str("is damaged (", text_, ")");
  }

  PictureBytes bytes_;
  PngChunks chunks_;
  size_t at_ = 0;
  Decoder decoder_;
  std::jmp_buf escape_{};
  char text_[160] = {};
  int passes_ = 1;
  bool failed_ = false;
  std::vector<uint8_t> picture_;  // interlaced, where it is not read at once
};

}  // namespace

ReaderPointer open_png(PictureBytes bytes) {
  return std::make_unique<PngReader>(bytes);
}

}  // namespace sclip
