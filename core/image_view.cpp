#include "sclip/image_view.h"

#include <cstddef>
#include <cstring>

#include "sclip/error.h"

namespace sclip {

std::string_view to_string(ChannelOrder order) {
  switch (order) {
    case ChannelOrder::kRgb: return "RGB";
    case ChannelOrder::kBgr: return "BGR";
    case ChannelOrder::kRgba: return "RGBA";
    case ChannelOrder::kBgra: return "BGRA";
    case ChannelOrder::kGrey: return "grey";
  }
  return "unknown";
}

void check_image(const ImageView& view, std::string_view what) {
  SCLIP_CHECK(view.pixels != nullptr && view.width >= 1 && view.height >= 1, kInvalidArgument, what, " is empty (",
              view.width, "×", view.height, " pixels", view.pixels == nullptr ? ", no memory" : "",
              "): give its pixels, width and height");
  SCLIP_CHECK(view.width <= kMaxImageSide && view.height <= kMaxImageSide, kInvalidArgument, what, " has ", view.width,
              "×", view.height, " pixels; a side may have ", kMaxImageSide);
  SCLIP_CHECK(view.order <= ChannelOrder::kGrey, kInvalidArgument, what, " has channel order ",
              static_cast<int>(view.order), ", which is none of RGB, BGR, RGBA, BGRA and grey (0 to 4)");
  const int64_t row = view.row_bytes();
  SCLIP_CHECK(view.row_stride >= -kMaxRowStride && view.row_stride <= kMaxRowStride, kInvalidArgument, what,
              " has rows ", view.row_stride, " bytes apart; at most ", kMaxRowStride, " are allowed");
  SCLIP_CHECK(view.row_stride == 0 || view.row_stride >= row || view.row_stride <= -row, kInvalidArgument, what,
              " has rows ", view.row_stride, " bytes apart, and a row of ", view.width, " ", to_string(view.order),
              " pixels takes ", row, ": give at least that, its negative for rows that lie bottom up, or 0");
}

void check_rgb(const ImageView& view, std::string_view what, bool packed) {
  check_image(view, what);
  SCLIP_CHECK(view.order == ChannelOrder::kRgb, kInvalidArgument, what, " is ", to_string(view.order),
              "; RGB is needed here: convert it first");
  SCLIP_CHECK(!packed || view.is_packed(), kInvalidArgument, what, " has rows ", view.row_stride,
              " bytes apart; here they must touch, ", view.row_bytes(), " bytes apart: pack them first");
}

void pack_rows(const ImageView& view, uint8_t* memory) {
  if (view.is_packed()) {
    std::memcpy(memory, view.pixels, static_cast<size_t>(view.packed_bytes()));
    return;
  }
  for (int64_t y = 0; y < view.height; ++y) {
    std::memcpy(memory + y * view.row_bytes(), view.row(y), static_cast<size_t>(view.row_bytes()));
  }
}

}  // namespace sclip
