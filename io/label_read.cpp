// libpng leaves a failed call by longjmp. Every call is made inside `guarded`, whose lambdas own nothing.
#include "io/label_read.h"

#include <png.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "core/file.h"
#include "io/decode/png_chunks.h"
#include "io/image_decode.h"
#include "sclip/error.h"

namespace sclip {
namespace {

struct Handles {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Handles() = default;
  ~Handles() { png_destroy_read_struct(&png, &info, nullptr); }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
};

class LabelPng {
 public:
  LabelPng(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {
    if (!guarded([this] { read_header(); })) give_up();
  }

  LabelPicture read() {
    const int type = png_get_color_type(png_, info_);
    SCLIP_CHECK((type & PNG_COLOR_MASK_COLOR) == 0 || type == PNG_COLOR_TYPE_PALETTE, kUnsupported, "the mask ", name_,
                " is a colour picture: a mask holds one number a pixel, as an indexed or a grey PNG");
    LabelPicture out{.width = static_cast<int>(png_get_image_width(png_, info_)),
                     .height = static_cast<int>(png_get_image_height(png_, info_)),
                     .bits = png_get_bit_depth(png_, info_),
                     .has_palette = type == PNG_COLOR_TYPE_PALETTE,
                     .labels = {}};
    const int64_t pixels = int64_t{out.width} * out.height;
    const DecodeOptions limits;
    SCLIP_CHECK(pixels <= limits.max_pixels, kUnsupported, "the mask ", name_, " has ", pixels, " pixels; at most ",
                limits.max_pixels, " are read");
    if (!guarded([this] { start(); })) give_up();
    out.labels.resize(static_cast<size_t>(pixels));
    const size_t row_bytes = png_get_rowbytes(png_, info_);
    const size_t width = static_cast<size_t>(out.width);
    SCLIP_CHECK(row_bytes == width * (out.bits == 16 ? 2 : 1), kInternal, "the mask ", name_, " has rows of ",
                row_bytes, " bytes for ", width, " pixels");
    // Passes of an interlaced picture go over all of it, and change what the pass before left.
    std::vector<png_byte> picture(row_bytes * (passes_ == 1 ? 1 : static_cast<size_t>(out.height)));
    for (int pass = 0; pass < passes_; ++pass) {
      for (int y = 0; y < out.height; ++y) {
        png_byte* row = picture.data() + (passes_ == 1 ? 0 : row_bytes * static_cast<size_t>(y));
        if (!guarded([&] { png_read_row(png_, row, nullptr); })) give_up();
        if (pass + 1 == passes_) unpack(row, out.bits, {out.labels.data() + width * static_cast<size_t>(y), width});
      }
    }
    return out;
  }

 private:
  static LabelPng& self(png_structp png) { return *static_cast<LabelPng*>(png_get_error_ptr(png)); }

  template <typename Call>
  bool guarded(const Call& call) {
    if (setjmp(escape_) != 0) return false;
    call();
    return true;
  }

  [[noreturn]] void leave(const char* text) {
    std::snprintf(text_, sizeof text_, "%s", text);
    std::longjmp(escape_, 1);
  }

  [[noreturn]] void give_up() const { fail(ErrorCode::kCorruptData, "the mask ", name_, " is damaged: ", text_); }

  void read_header() {
    png_ = png_create_read_struct(
        PNG_LIBPNG_VER_STRING, this, [](png_structp png, png_const_charp text) { self(png).leave(text); },
        [](png_structp, png_const_charp) {});
    if (png_ == nullptr || (info_ = png_create_info_struct(png_)) == nullptr) leave("no memory");
    png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // read_png_chunks has judged them
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
    static constexpr png_byte kLeftOut[] = "tEXt\0zTXt\0iTXt\0iCCP\0eXIf\0sPLT\0hIST";
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kLeftOut, 7);
    png_set_read_fn(png_, this, [](png_structp png, png_bytep to, size_t count) {
      auto& reader = *static_cast<LabelPng*>(png_get_io_ptr(png));
      if (reader.bytes_.size() - reader.at_ < count) reader.leave("the file ends too early");
      std::memcpy(to, reader.bytes_.data() + reader.at_, count);
      reader.at_ += count;
    });
    png_read_info(png_, info_);
  }

  void start() {
    png_set_packing(png_);  // a byte a pixel, values as they are
    png_set_strip_alpha(png_);
    if constexpr (std::endian::native == std::endian::little) png_set_swap(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }

  static void unpack(const png_byte* row, int bits, std::span<uint16_t> to) {
    if (bits == 16) {
      std::memcpy(to.data(), row, to.size_bytes());
    } else {
      std::copy_n(row, to.size(), to.data());
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& name_;
  size_t at_ = 0;
  Handles handles_;
  png_structp& png_ = handles_.png;
  png_infop& info_ = handles_.info;
  int passes_ = 1;
  char text_[128] = "";
  std::jmp_buf escape_;
};

}  // namespace

LabelPicture decode_label_png(std::span<const std::byte> bytes, const std::string& name) {
  static constexpr png_byte kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  SCLIP_CHECK(!bytes.empty(), kCorruptData, "the mask ", name, " is empty");
  const bool is_png =
      bytes.size() >= sizeof kSignature && std::memcmp(bytes.data(), kSignature, sizeof kSignature) == 0;
  SCLIP_CHECK(is_png, kUnsupported, "the mask ", name,
              " is no PNG: masks are indexed or grey PNGs (JPEG changes the numbers)");
  const PngChunks chunks = read_png_chunks(bytes);
  SCLIP_CHECK(chunks.damage.empty(), kCorruptData, "the mask ", name, " ", chunks.damage);
  LabelPicture picture = LabelPng(bytes, name).read();
  SCLIP_CHECK(!chunks.truncated, kCorruptData, "the mask ", name, " is truncated: its end mark is missing");
  return picture;
}

LabelPicture load_label_png(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return decode_label_png(bytes, path.string());
}

}  // namespace sclip
