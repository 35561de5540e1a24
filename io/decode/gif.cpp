// GIF: the first frame on its canvas. What the frame does not cover has the transparent colour, or the palette's first,
// as in Pillow.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "io/decode/byte_order.h"
#include "io/decode/decoders.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr size_t kScreen = 13;  // signature and screen descriptor
constexpr uint32_t kExtension = 0x21, kImage = 0x2c, kGraphicControl = 0xf9;

using Palette = std::array<std::array<uint8_t, 3>, 256>;

// The bytes of a chain of sub-blocks, one after another.
class SubBlocks {
 public:
  SubBlocks(PictureBytes bytes, size_t at) : bytes_(bytes), at_(at) {}
  std::optional<uint32_t> next() {
    if (left_ == 0) {
      if (at_ >= bytes_.size()) return missing();
      left_ = byte_at(bytes_, at_++);
      if (left_ == 0) {
        --at_;  // stays at the end of the chain
        return std::nullopt;
      }
    }
    if (at_ >= bytes_.size()) return missing();
    --left_;
    return byte_at(bytes_, at_++);
  }
  bool truncated() const { return truncated_; }

 private:
  std::nullopt_t missing() {
    truncated_ = true;
    return std::nullopt;
  }
  PictureBytes bytes_;
  size_t at_;
  uint32_t left_ = 0;
  bool truncated_ = false;
};

// LZW with codes of up to 12 bits. A full table stays as it is until it is cleared, however many codes follow.
class LzwDecoder {
 public:
  LzwDecoder(SubBlocks& source, uint32_t bits) : source_(source), bits_(bits), clear_(1u << bits) { reset(); }

  enum class End { kFull, kEndCode, kNoBytes, kBadCode };
  // Calls put(index) until it returns false (kFull).
  template <typename Put>
  End decode(const Put& put) {
    for (;;) {
      const auto code = read_code();
      if (!code) return End::kNoBytes;
      if (*code == clear_) {
        reset();
        continue;
      }
      if (*code == clear_ + 1) return End::kEndCode;
      if (*code > next_ || (*code == next_ && previous_ == kNone) || (*code == next_ && next_ == kTable)) {
        return End::kBadCode;
      }
      const bool itself = *code == next_;  // the code that this one is about to define
      size_t length = 0;
      uint32_t walk = itself ? previous_ : *code;
      if (itself) ++length;
      for (; walk >= clear_; walk = prefix_[walk]) stack_[length++] = suffix_[walk];
      const auto first = static_cast<uint8_t>(walk);
      stack_[length++] = first;
      if (itself) stack_[0] = first;
      while (length > 0) {
        if (!put(stack_[--length])) return End::kFull;
      }
      if (previous_ != kNone && next_ < kTable) {
        prefix_[next_] = static_cast<uint16_t>(previous_);
        suffix_[next_] = first;
        if (++next_ == 1u << width_ && width_ < kWidest) ++width_;
      }
      previous_ = *code;
    }
  }

 private:
  static constexpr uint32_t kWidest = 12, kTable = 1u << kWidest, kNone = kTable;

  void reset() {
    width_ = bits_ + 1;
    next_ = clear_ + 2;
    previous_ = kNone;
  }
  std::optional<uint32_t> read_code() {
    while (held_ < width_) {
      const auto byte = source_.next();
      if (!byte) return std::nullopt;
      buffer_ |= *byte << held_;
      held_ += 8;
    }
    const uint32_t code = buffer_ & ((1u << width_) - 1);
    buffer_ >>= width_;
    held_ -= width_;
    return code;
  }

  SubBlocks& source_;
  uint32_t bits_, clear_;
  uint32_t width_ = 0, next_ = 0, previous_ = kNone;
  uint32_t buffer_ = 0, held_ = 0;
  std::array<uint16_t, kTable> prefix_{};
  std::array<uint8_t, kTable> suffix_{};
  std::array<uint8_t, kTable + 1> stack_{};
};

class GifReader final : public WholePictureReader {
 public:
  explicit GifReader(PictureBytes bytes) : bytes_(bytes) {
    need(0, kScreen);
    header_.width = little16(bytes, 6);
    header_.height = little16(bytes, 8);
    for (size_t i = 0; i < 256; ++i) palette_[i].fill(static_cast<uint8_t>(i));  // grey, where there is none
    find_frame(read_palette(byte_at(bytes, 10), kScreen));
  }

 private:
  void need(size_t at, size_t count) const {
    if (at > bytes_.size() || bytes_.size() - at < count) {
      fail(ErrorCode::kCorruptData, "is truncated: it ends after ", bytes_.size(), " bytes, before its first frame");
    }
  }

  // Where the file goes on.
  size_t read_palette(uint32_t flags, size_t at) {
    if ((flags & 0x80) == 0) return at;
    const size_t colours = size_t{2} << (flags & 7);
    need(at, 3 * colours);
    palette_ = {};
    for (size_t i = 0; i < colours; ++i) {
      for (size_t c = 0; c < 3; ++c) palette_[i][c] = static_cast<uint8_t>(byte_at(bytes_, at + 3 * i + c));
    }
    return at + 3 * colours;
  }

  void find_frame(size_t at) {
    for (;;) {
      need(at, 1);
      const uint32_t kind = byte_at(bytes_, at++);
      if (kind == kImage) return read_frame(at);
      if (kind == kExtension) {
        need(at, 2);
        if (byte_at(bytes_, at) == kGraphicControl && byte_at(bytes_, at + 1) >= 4) {
          need(at, 6);
          if ((byte_at(bytes_, at + 2) & 1) != 0) background_ = static_cast<uint8_t>(byte_at(bytes_, at + 5));
        }
        ++at;
        for (size_t length = 1; length != 0;) {
          need(at, 1);
          length = byte_at(bytes_, at);
          at += 1 + length;
        }
      } else if (kind == 0x3b) {
        fail(ErrorCode::kCorruptData, "has no frame");
      }
      // Pillow skips what it does not know, byte by byte.
    }
  }

  void read_frame(size_t at) {
    need(at, 9);
    left_ = little16(bytes_, at);
    top_ = little16(bytes_, at + 2);
    width_ = little16(bytes_, at + 4);
    height_ = little16(bytes_, at + 6);
    const uint32_t flags = byte_at(bytes_, at + 8);
    interlaced_ = (flags & 0x40) != 0;
    at = read_palette(flags, at + 9);
    need(at, 1);
    bits_ = byte_at(bytes_, at);
    if (bits_ < 1 || bits_ > 8) {
      fail(ErrorCode::kCorruptData, "is damaged: codes of ", bits_, " bits at byte ", at);
    }
    data_ = at + 1;
    // A frame may reach beyond the screen.
    header_.width = std::max(header_.width, left_ + width_);
    header_.height = std::max(header_.height, top_ + height_);
  }

  // The row that is stored as the i-th, in four passes.
  std::vector<int64_t> row_order() const {
    std::vector<int64_t> order;
    if (!interlaced_) {
      for (int64_t y = 0; y < height_; ++y) order.push_back(y);
      return order;
    }
    for (const auto& [first, step] : {std::pair{0, 8}, {4, 8}, {2, 4}, {1, 2}}) {
      for (int64_t y = first; y < height_; y += step) order.push_back(y);
    }
    return order;
  }

  void decode(uint8_t* rgb) override {
    for (int64_t i = 0; i < header_.width * header_.height; ++i) put(rgb + 3 * i, background_);
    if (width_ == 0 || height_ == 0) return;
    const std::vector<int64_t> order = row_order();
    SubBlocks source(bytes_, data_);
    int64_t x = 0;
    size_t row = 0;
    const auto end = LzwDecoder(source, bits_).decode([&](uint8_t index) {
      put(rgb + 3 * ((top_ + order[row]) * header_.width + left_ + x), index);
      if (++x < width_) return true;
      x = 0;
      return ++row < order.size();
    });
    using End = LzwDecoder::End;
    if (end == End::kFull) return;
    const std::string place = str("in row ", top_ + order[row] + 1, " of ", header_.height);
    if (end == End::kBadCode) damaged(str("is damaged ", place, ": a code that is not defined yet"));
    if (source.truncated()) damaged(str("is truncated: it ends after ", bytes_.size(), " bytes, ", place));
    damaged(str("is damaged: its first frame ends ", place));
  }
  void put(uint8_t* to, uint8_t index) const { std::copy(palette_[index].begin(), palette_[index].end(), to); }

  PictureBytes bytes_;
  Palette palette_{};
  uint8_t background_ = 0;
  int64_t left_ = 0, top_ = 0, width_ = 0, height_ = 0;  // of the frame
  bool interlaced_ = false;
  uint32_t bits_ = 0;
  size_t data_ = 0;
};

}  // namespace

ReaderPointer open_gif(PictureBytes bytes) {
  return std::make_unique<GifReader>(bytes);
}

}  // namespace sclip
