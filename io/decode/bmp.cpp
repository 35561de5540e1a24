// BMP of Windows and OS/2: 1 to 8 bits with a palette, raw or run-length coded, 16 to 32 bits with any masks, bottom up
// and top down. A sample of n bits becomes v·255/(2ⁿ − 1), rounded down, as in Pillow; alpha is dropped.
#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "io/decode/byte_order.h"
#include "io/decode/decoders.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr size_t kFileHeader = 14, kCoreHeader = 12, kInfoHeader = 40, kOs2Header = 64;
enum Compression : uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kMasks = 3, kAlphaMasks = 6 };

struct Channel {
  uint32_t mask = 0;

  uint8_t sample(uint32_t pixel) const {
    if (mask == 0) return 0;
    uint32_t value = (pixel & mask) >> std::countr_zero(mask);
    uint32_t most = mask >> std::countr_zero(mask);
    const int extra = std::bit_width(most) - 8;
    if (extra > 0) {
      value >>= extra;
      most >>= extra;
    }
    return static_cast<uint8_t>(value * 255 / most);
  }
};

class BmpReader final : public PictureReader {
 public:
  explicit BmpReader(PictureBytes bytes) : bytes_(bytes) {
    need(kFileHeader + 4);
    const size_t size = little32(bytes, kFileHeader);
    if (size < kCoreHeader || size > 4096) fail(ErrorCode::kCorruptData, "is damaged: its header has ", size, " bytes");
    need(kFileHeader + size);
    read_info(bytes.subspan(kFileHeader, size));
    const size_t colours = read_masks(kFileHeader + size);
    const size_t offset = little32(bytes, 10);
    pixels_ = offset != 0 ? offset : colours + palette_size_ * palette_entry_;
    if (bits_ <= 8) read_palette(colours);
    header_.row_by_row = !run_length();
  }

 private:
  void need(size_t size) const {
    if (bytes_.size() < size) {
      fail(ErrorCode::kCorruptData, "is truncated: it ends after ", bytes_.size(), " bytes, in its header");
    }
  }
  bool run_length() const { return compression_ == kRle8 || compression_ == kRle4; }

  void read_info(PictureBytes info) {
    const bool core = info.size() == kCoreHeader;
    if (!core && info.size() < 16) {
      fail(ErrorCode::kCorruptData, "is damaged: its header has ", info.size(), " bytes");
    }
    const auto field = [&](size_t at) { return info.size() >= at + 4 ? little32(info, at) : 0; };
    header_.width = core ? int64_t{little16(info, 4)} : int64_t{static_cast<int32_t>(little32(info, 4))};
    header_.height = core ? int64_t{little16(info, 6)} : int64_t{static_cast<int32_t>(little32(info, 8))};
    top_down_ = header_.height < 0;
    header_.height = std::abs(header_.height);
    bits_ = little16(info, core ? 10 : 14);
    compression_ = core ? 0 : field(16);
    palette_entry_ = core ? 3 : 4;
    const uint32_t used = core ? 0 : field(32);
    palette_size_ = bits_ <= 8 ? (used != 0 ? std::min<size_t>(used, 256) : size_t{1} << bits_) : 0;
    const bool os2 = info.size() < kInfoHeader || info.size() == kOs2Header;
    if (compression_ > kAlphaMasks || compression_ == 4 || compression_ == 5 || (os2 && compression_ >= kMasks)) {
      constexpr std::array<std::string_view, 7> kNames = {"", "", "", "Huffman codes", "JPEG", "PNG", "masks"};
      fail(ErrorCode::kUnsupported, "is compressed in a way that is not supported (",
           compression_ < kNames.size() ? kNames[compression_] : "unknown", ", number ", compression_, ")");
    }
    const bool fits = run_length()           ? bits_ == (compression_ == kRle8 ? 8u : 4u)
                      : compression_ == kRaw ? bits_ == 1 || bits_ == 2 || bits_ == 4 || bits_ == 8 || bits_ == 16 ||
                                                   bits_ == 24 || bits_ == 32
                                             : bits_ == 16 || bits_ == 24 || bits_ == 32;
    if (!fits) {
      fail(ErrorCode::kUnsupported, "has ", bits_, " bits a pixel with compression ", compression_,
           ", which do not go together");
    }
  }

  // Where the palette would begin.
  size_t read_masks(size_t end_of_header) {
    constexpr size_t kMasksAt = kFileHeader + kInfoHeader;
    channels_ = bits_ == 16 ? std::array<Channel, 3>{{{0x7c00}, {0x3e0}, {0x1f}}}
                            : std::array<Channel, 3>{{{0xff0000}, {0xff00}, {0xff}}};
    if (compression_ != kMasks && compression_ != kAlphaMasks) return end_of_header;
    const size_t end = std::max(end_of_header, kMasksAt + 12);
    need(end);
    const std::array<Channel, 3> given = {
        {{little32(bytes_, kMasksAt)}, {little32(bytes_, kMasksAt + 4)}, {little32(bytes_, kMasksAt + 8)}}};
    if ((given[0].mask | given[1].mask | given[2].mask) != 0) channels_ = given;
    return end;
  }

  // Indices beyond the palette are black.
  void read_palette(size_t at) {
    for (size_t i = 0; i < palette_size_; ++i, at += palette_entry_) {
      if (at + palette_entry_ > bytes_.size() || (pixels_ > at && at + 3 > pixels_)) break;
      palette_[i] = {static_cast<uint8_t>(byte_at(bytes_, at + 2)), static_cast<uint8_t>(byte_at(bytes_, at + 1)),
                     static_cast<uint8_t>(byte_at(bytes_, at))};
    }
  }

  void read_rows(uint8_t* rgb, int64_t count) override {
    if (run_length() && indices_.empty()) decode_runs();
    const uint64_t stride = (static_cast<uint64_t>(header_.width) * bits_ + 31) / 32 * 4;
    const uint64_t used = (static_cast<uint64_t>(header_.width) * bits_ + 7) / 8;  // the last row may lack its padding
    for (int64_t i = 0; i < count; ++i) {
      const int64_t y = next_row() + i;
      const int64_t stored = top_down_ ? y : header_.height - 1 - y;
      uint8_t* to = rgb + i * row_bytes();
      if (run_length()) {
        const uint8_t* from = indices_.data() + stored * header_.width;
        for (int64_t x = 0; x < header_.width; ++x) put(to + 3 * x, palette_[from[x]]);
        continue;
      }
      const uint64_t begin = pixels_ + static_cast<uint64_t>(stored) * stride;
      if (begin + used > bytes_.size()) {
        damaged(ends_in_row(bytes_.size(), y, header_.height));
        std::fill_n(to, row_bytes(), uint8_t{0});
        continue;
      }
      unpack_row(reinterpret_cast<const uint8_t*>(bytes_.data()) + begin, to);
    }
  }

  using Colour = std::array<uint8_t, 3>;
  static void put(uint8_t* to, const Colour& colour) { std::copy(colour.begin(), colour.end(), to); }

  void unpack_row(const uint8_t* from, uint8_t* to) const {
    const bool plain = channels_[0].mask == 0xff0000 && channels_[1].mask == 0xff00 && channels_[2].mask == 0xff;
    if (bits_ >= 24 && plain) {
      for (int64_t x = 0; x < header_.width; ++x, from += bits_ / 8, to += 3) put(to, {from[2], from[1], from[0]});
    } else if (bits_ >= 16) {
      for (int64_t x = 0; x < header_.width; ++x, to += 3) {
        uint32_t pixel = 0;
        for (uint32_t shift = 0; shift < bits_; shift += 8) pixel |= uint32_t{*from++} << shift;
        put(to, {channels_[0].sample(pixel), channels_[1].sample(pixel), channels_[2].sample(pixel)});
      }
    } else {
      for (int64_t x = 0; x < header_.width; ++x, to += 3) {
        const int64_t bit = x * bits_;
        put(to, palette_[from[bit / 8] >> (8 - bits_ - bit % 8) & ((1u << bits_) - 1)]);
      }
    }
  }

  // Rows from the bottom. Pixels that the codes leave out have index 0.
  void decode_runs() {
    indices_.assign(static_cast<size_t>(header_.width * header_.height), 0);
    const bool nibbles = compression_ == kRle4;
    int64_t x = 0, y = 0;
    size_t at = pixels_;
    const auto put_index = [&](uint32_t index) {
      if (x < header_.width && y < header_.height)
        indices_[static_cast<size_t>(y * header_.width + x)] = static_cast<uint8_t>(index);
      ++x;
    };
    // Whether the next `count` bytes are there.
    const auto there = [&](size_t count) { return at <= bytes_.size() && bytes_.size() - at >= count; };
    while (there(2)) {
      const uint32_t count = byte_at(bytes_, at), value = byte_at(bytes_, at + 1);
      at += 2;
      if (count > 0) {
        for (uint32_t i = 0; i < count; ++i) put_index(!nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15);
      } else if (value == 0) {
        x = 0;
        ++y;
      } else if (value == 1) {
        return;
      } else if (value == 2) {
        if (!there(2)) break;
        x += byte_at(bytes_, at);
        y += byte_at(bytes_, at + 1);
        at += 2;
      } else {
        const size_t size = nibbles ? (value + 1) / 2 : value;
        if (!there(size)) break;
        for (uint32_t i = 0; i < value; ++i) {
          const uint32_t byte = byte_at(bytes_, at + (nibbles ? i / 2 : i));
          put_index(!nibbles ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
        }
        at += size + size % 2;
      }
      // Past the last pixel the rest may be missing.
      if (y >= header_.height || (y == header_.height - 1 && x >= header_.width)) return;
    }
    damaged(str("is truncated: it ends after ", bytes_.size(), " bytes, in row ", y + 1, " from below of ",
                header_.height));
  }

  PictureBytes bytes_;
  bool top_down_ = false;
  uint32_t bits_ = 0;
  uint32_t compression_ = kRaw;
  size_t palette_entry_ = 4;
  size_t palette_size_ = 0;
  std::array<Channel, 3> channels_;
  std::array<Colour, 256> palette_{};
  size_t pixels_ = 0;
  std::vector<uint8_t> indices_;
};

}  // namespace

ReaderPointer open_bmp(PictureBytes bytes) {
  return std::make_unique<BmpReader>(bytes);
}

}  // namespace sclip
