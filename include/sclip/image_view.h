// ImageView: an 8-bit picture that somebody else owns, read where and as it lies.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace sclip {

// The bytes of a pixel, in memory order. Alpha is ignored: a photo is what its colours say. Grey counts as R = G = B.
enum class ChannelOrder : uint8_t { kRgb, kBgr, kRgba, kBgra, kGrey };

struct PixelLayout {
  int bytes = 3;                     // of a pixel
  int red = 0, green = 1, blue = 2;  // where each lies in it
};

constexpr PixelLayout pixel_layout(ChannelOrder order) {
  switch (order) {
    case ChannelOrder::kBgr: return {3, 2, 1, 0};
    case ChannelOrder::kRgba: return {4, 0, 1, 2};
    case ChannelOrder::kBgra: return {4, 2, 1, 0};
    case ChannelOrder::kGrey: return {1, 0, 0, 0};
    default: return {3, 0, 1, 2};
  }
}

std::string_view to_string(ChannelOrder order);  // "RGB", "BGR", "RGBA", "BGRA", "grey"

struct ImageView {
  const uint8_t* pixels = nullptr;  // the first pixel of the upper row
  int width = 0;                    // W0
  int height = 0;                   // H0
  // Bytes from a pixel to the one below it. 0: the rows touch. Negative: the rows lie bottom up in memory, and `pixels`
  // is still the upper one.
  int64_t row_stride = 0;
  ChannelOrder order = ChannelOrder::kRgb;

  int64_t row_bytes() const { return int64_t{width} * pixel_layout(order).bytes; }  // without what lies between rows
  int64_t stride() const { return row_stride != 0 ? row_stride : row_bytes(); }
  const uint8_t* row(int64_t y) const { return pixels + y * stride(); }
  bool is_packed() const { return stride() == row_bytes(); }
  int64_t packed_bytes() const { return row_bytes() * height; }
  // The same picture with rows that touch, at `memory`.
  ImageView packed_at(const uint8_t* memory) const { return {memory, width, height, 0, order}; }
};

inline constexpr int kMaxImageSide = 1 << 24;               // f32 still tells pixels apart
inline constexpr int64_t kMaxRowStride = int64_t{1} << 38;  // kMaxImageSide rows of it fit 64 bits

// Throws kInvalidArgument for a view that cannot be read: no pixels, sides beyond 1 … kMaxImageSide, an unknown channel
// order, rows that overlap or lie further apart than kMaxRowStride. `what` begins the message: "the photo".
void check_image(const ImageView& view, std::string_view what);
// The same, and that it is RGB: for what draws and writes pictures. Of packed rows only, when `packed`.
void check_rgb(const ImageView& view, std::string_view what, bool packed = false);

// Copies the rows to `memory`, packed_bytes() of it: what is sent to a device.
void pack_rows(const ImageView& view, uint8_t* memory);

// Calls body(std::integral_constant<ChannelOrder, …>): a loop over pixels then knows its offsets when compiled.
template <typename Body>
void with_channel_order(ChannelOrder order, const Body& body) {
  const auto call = [&]<ChannelOrder kOrder>() { body(std::integral_constant<ChannelOrder, kOrder>()); };
  switch (order) {
    case ChannelOrder::kRgb: return call.template operator()<ChannelOrder::kRgb>();
    case ChannelOrder::kBgr: return call.template operator()<ChannelOrder::kBgr>();
    case ChannelOrder::kRgba: return call.template operator()<ChannelOrder::kRgba>();
    case ChannelOrder::kBgra: return call.template operator()<ChannelOrder::kBgra>();
    case ChannelOrder::kGrey: return call.template operator()<ChannelOrder::kGrey>();
  }
}

}  // namespace sclip
