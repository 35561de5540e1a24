// JPEG by libjpeg-turbo with its defaults, the accurate integer transform and interpolated colour: what Pillow and
// OpenCV decode with. CMYK becomes RGB by Pillow's formula, and is taken to be stored inverted, as theirs is.
//
// libjpeg leaves a failed call by longjmp. Every call is made inside `guarded`, whose lambdas own nothing.
#include <cstdio>
// Needs what <cstdio> declares.
#include <jpeglib.h>

#include <jerror.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <vector>

#include "io/decode/decoders.h"
#include "io/decode/exif.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr int kApp1 = JPEG_APP0 + 1;
// A progressive picture has about ten. A file of a megabyte may hold 100,000, each a pass over the picture.
constexpr int kMostScans = 500;

struct Decompressor : jpeg_decompress_struct {
  Decompressor() : jpeg_decompress_struct{} {}
  ~Decompressor() { jpeg_destroy_decompress(this); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
};

class JpegReader final : public PictureReader {
 public:
  explicit JpegReader(PictureBytes bytes) : bytes_(bytes) {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr j) { std::longjmp(self(j).escape_, 1); };
    errors_.emit_message = [](j_common_ptr j, int level) {
      if (level < 0) self(j).warned();
    };
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = [](j_common_ptr j) {
      if (self(j).jpeg_.input_scan_number > kMostScans) self(j).too_many_scans();
    };
    jpeg_.client_data = this;
    if (!guarded([this] { jpeg_create_decompress(&jpeg_); })) fail(ErrorCode::kOutOfMemory, "is too much: no memory");
    jpeg_.progress = &progress_;
    use_bytes();
    if (!guarded([this] { read_header(); })) throw_failure();
    header_.width = jpeg_.image_width;
    header_.height = jpeg_.image_height;
    for (auto* marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
      const PictureBytes data = std::as_bytes(std::span(marker->data, marker->data_length));
      if (data.size() < 6 || std::memcmp(data.data(), "Exif\0\0", 6) != 0) continue;
      header_.orientation = exif_orientation(data);
      break;
    }
    header_.row_by_row = !jpeg_has_multiple_scans(&jpeg_);
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

 private:
  static JpegReader& self(j_common_ptr j) { return *static_cast<JpegReader*>(j->client_data); }

  template <typename Call>
  bool guarded(const Call& call) {
    if (setjmp(escape_) != 0) return false;
    call();
    return true;
  }

  void use_bytes() {
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(bytes_.data());
    source_.bytes_in_buffer = bytes_.size();
    source_.init_source = [](j_decompress_ptr) {};
    source_.term_source = [](j_decompress_ptr) {};
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.fill_input_buffer = [](j_decompress_ptr j) -> boolean {
      self(reinterpret_cast<j_common_ptr>(j)).at_the_end();
      return TRUE;
    };
    source_.skip_input_data = [](j_decompress_ptr j, long count) {
      if (count <= 0) return;
      auto& source = *j->src;
      if (static_cast<size_t>(count) > source.bytes_in_buffer) return source.fill_input_buffer(j), void();
      source.next_input_byte += count;
      source.bytes_in_buffer -= static_cast<size_t>(count);
    };
    jpeg_.src = &source_;
  }

  // Beyond the end libjpeg reads an end mark, and fills what is missing with grey.
  void at_the_end() {
    static constexpr JOCTET kEndMark[] = {0xff, JPEG_EOI};
    ended_ = true;
    source_.next_input_byte = kEndMark;
    source_.bytes_in_buffer = sizeof kEndMark;
  }

  enum class Trouble { kNone, kTruncated, kDamaged };
  // Only the first is kept: the others follow from it.
  void note(Trouble trouble) {
    trouble_ = trouble;
    scan_ = jpeg_.input_scan_number;
    row_ = reading_rows_ ? int64_t{jpeg_.input_iMCU_row} * jpeg_.max_v_samp_factor * DCTSIZE : 0;
    if (trouble == Trouble::kDamaged) errors_.format_message(reinterpret_cast<j_common_ptr>(&jpeg_), text_);
  }
  // Stray bytes between markers cost nothing, nor does an odd version or transform: Pillow and browsers show such
  // files.
  void warned() {
    switch (errors_.msg_code) {
      case JWRN_HIT_MARKER:
      case JWRN_HUFF_BAD_CODE:
      case JWRN_ARITH_BAD_CODE:
      case JWRN_MUST_RESYNC:
        if (trouble_ == Trouble::kNone) note(ended_ ? Trouble::kTruncated : Trouble::kDamaged);
        break;
      default: break;
    }
  }
  void too_many_scans() {
    errors_.msg_code = JERR_BAD_PROGRESSION;
    too_many_scans_ = true;
    std::longjmp(escape_, 1);
  }

  void read_header() {
    jpeg_save_markers(&jpeg_, kApp1, 0xffff);
    jpeg_read_header(&jpeg_, TRUE);
    jpeg_.out_color_space = jpeg_.num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_calc_output_dimensions(&jpeg_);
  }

  void read_rows(uint8_t* rgb, int64_t count) override {
    if (next_row() == 0) {
      if (jpeg_.num_components == 4) cmyk_.resize(static_cast<size_t>(header_.width) * 4);
      reading_rows_ = true;
      if (!guarded([this] { jpeg_start_decompress(&jpeg_); })) throw_failure();
    }
    for (int64_t i = 0; i < count; ++i) {
      uint8_t* to = rgb + i * row_bytes();
      JSAMPROW row = cmyk_.empty() ? to : cmyk_.data();
      if (!gave_up_ && !guarded([&] { jpeg_read_scanlines(&jpeg_, &row, 1); })) {
        if (!salvages()) throw_failure();
        damaged(failure());
        gave_up_ = true;
      }
      if (gave_up_) {
        std::fill_n(to, row_bytes(), uint8_t{0});
        continue;
      }
      check_trouble();
      if (!cmyk_.empty()) cmyk_to_rgb(to);
    }
    if (next_row() + count == header_.height && !gave_up_) {
      // What stands between the last row and the end mark costs nothing, but the mark must be there.
      guarded([this] { jpeg_finish_decompress(&jpeg_); });
      if (ended_ && trouble_ == Trouble::kNone) note(Trouble::kTruncated);
      check_trouble();
    }
  }

  // Pillow's: cyan and the others are stored inverted, so that 255 of them is none, and black scales what they leave.
  void cmyk_to_rgb(uint8_t* rgb) const {
    const auto product = [](int a, int b) {  // a·b/255, rounded
      const int t = a * b + 128;
      return ((t >> 8) + t) >> 8;
    };
    for (int64_t x = 0; x < header_.width; ++x) {
      const uint8_t* stored = cmyk_.data() + x * 4;
      const int black = stored[3];
      for (int c = 0; c < 3; ++c) {
        rgb[x * 3 + c] = static_cast<uint8_t>(std::clamp(black - product(255 - stored[c], black), 0, 255));
      }
    }
  }

  void check_trouble() {
    if (trouble_ == Trouble::kNone || !damage().empty()) return;
    if (trouble_ == Trouble::kDamaged) {
      damaged(str("is damaged in row ", std::min(row_, header_.height - 1) + 1, of_all(), " (", text_, ")"));
    } else {
      damaged(ends_in_row(bytes_.size(), row_, header_.height) + (row_ < header_.height ? of_scan() : ""));
    }
  }
  std::string of_all() const { return str(" of ", header_.height, of_scan()); }
  std::string of_scan() const { return header_.row_by_row ? "" : str(" of scan ", scan_); }

  // In words, after a call that failed.
  std::string failure() {
    if (too_many_scans_) return str("is refused: it has more than ", kMostScans, " scans");
    if (ended_) {
      return str("is truncated: it ends after ", bytes_.size(), " bytes, before its first row");
    }
    char text[JMSG_LENGTH_MAX];
    errors_.format_message(reinterpret_cast<j_common_ptr>(&jpeg_), text);
    return str("is damaged (", text, ")");
  }
  [[noreturn]] void throw_failure() {
    switch (errors_.msg_code) {
      case JERR_OUT_OF_MEMORY: fail(ErrorCode::kOutOfMemory, "needs more memory than there is");
      case JERR_BAD_PRECISION:
        fail(ErrorCode::kUnsupported, "has samples of ", errors_.msg_parm.i[0], " bits, and only 8 are supported");
      case JERR_SOF_UNSUPPORTED:
        fail(ErrorCode::kUnsupported, "is of a kind that is not supported (lossless or hierarchical: frame ",
             errors_.msg_parm.i[0] - 0xc0, ")");
      case JERR_ARITH_NOTIMPL: fail(ErrorCode::kUnsupported, "is arithmetic coded, which this build lacks");
      case JERR_CONVERSION_NOTIMPL:
        fail(ErrorCode::kUnsupported, "has ", jpeg_.num_components, " components, and 1, 3 and 4 are supported");
      case JERR_EMPTY_IMAGE:
        fail(ErrorCode::kUnsupported, "has no height or width in its header (a DNL marker is not supported)");
      case JERR_IMAGE_TOO_BIG:
        fail(ErrorCode::kUnsupported, "has more than ", errors_.msg_parm.i[0], " pixels on a side");
      default: fail(ErrorCode::kCorruptData, failure());
    }
  }
  PictureBytes bytes_;
  Decompressor jpeg_;
  jpeg_error_mgr errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf escape_{};
  std::vector<uint8_t> cmyk_;  // a row
  Trouble trouble_ = Trouble::kNone;
  int64_t row_ = 0;  // where it was met
  int scan_ = 0;
  char text_[JMSG_LENGTH_MAX] = {};
  bool reading_rows_ = false;
  bool ended_ = false;  // the decoder read ahead beyond the end: it need not miss anything
  bool gave_up_ = false;
  bool too_many_scans_ = false;
};

}  // namespace

ReaderPointer open_jpeg(PictureBytes bytes) {
  return std::make_unique<JpegReader>(bytes);
}

}  // namespace sclip
