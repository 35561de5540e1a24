// PNM: binary grey (P5) and RGB (P6) pictures of 8 or 16 bits, scaled from their own maximum to 255.
#include <algorithm>
#include <optional>

#include "io/decode/decoders.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// A number below 10^9 and the one byte after it; before it spaces and comments, which run to the end of their line.
std::optional<int> read_number(PictureBytes bytes, size_t& at) {
  const auto peek = [&] { return at < bytes.size() ? std::to_integer<int>(bytes[at]) : -1; };
  while (peek() == '#' || peek() == ' ' || (peek() >= '\t' && peek() <= '\r')) {
    if (peek() == '#') {
      while (peek() != '\n' && peek() != -1) ++at;
    } else {
      ++at;
    }
  }
  int value = 0, digits = 0;
  for (; peek() >= '0' && peek() <= '9'; ++at, ++digits) {
    if (digits == 9) return std::nullopt;
    value = 10 * value + peek() - '0';
  }
  if (digits == 0 || peek() == -1) return std::nullopt;
  ++at;
  return value;
}

class PnmReader final : public PictureReader {
 public:
  explicit PnmReader(PictureBytes bytes) : bytes_(bytes), channels_(std::to_integer<int>(bytes[1]) == '6' ? 3 : 1) {
    const auto width = read_number(bytes, pixels_);
    const auto height = width ? read_number(bytes, pixels_) : std::nullopt;
    const auto maximum = height ? read_number(bytes, pixels_) : std::nullopt;
    if (!maximum) fail(ErrorCode::kCorruptData, "is damaged: its header is not three numbers");
    if (*maximum == 0 || *maximum > 65535) {
      fail(ErrorCode::kCorruptData, "is damaged: its maximum is ", *maximum, ", not 1 … 65535");
    }
    header_.width = *width;
    header_.height = *height;
    maximum_ = static_cast<unsigned>(*maximum);
  }

 private:
  void read_rows(uint8_t* rgb, int64_t count) override {
    const bool wide = maximum_ > 255;
    const auto stride = static_cast<uint64_t>(header_.width) * channels_ * (wide ? 2 : 1);
    const size_t copies = channels_ == 1 ? 3 : 1;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t y = next_row() + i;
      uint8_t* to = rgb + i * row_bytes();
      const uint64_t begin = pixels_ + static_cast<uint64_t>(y) * stride;
      if (begin + stride > bytes_.size()) {
        damaged(ends_in_row(bytes_.size(), y, header_.height));
        std::fill_n(to, row_bytes(), uint8_t{0});
        continue;
      }
      const auto* from = reinterpret_cast<const uint8_t*>(bytes_.data()) + begin;
      for (uint8_t* const end = to + row_bytes(); to < end; to += copies) {
        unsigned sample = *from++;
        if (wide) sample = sample << 8 | *from++;
        std::fill_n(to, copies,
                    static_cast<uint8_t>(sample >= maximum_ ? 255 : (sample * 255 + maximum_ / 2) / maximum_));
      }
    }
  }

  PictureBytes bytes_;
  unsigned channels_;
  unsigned maximum_ = 255;  // above 255 a sample has two bytes, the high one first
  size_t pixels_ = 2;       // where they begin
};

}  // namespace

ReaderPointer open_pnm(PictureBytes bytes) {
  return std::make_unique<PnmReader>(bytes);
}

}  // namespace sclip
