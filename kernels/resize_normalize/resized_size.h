// The size that a photo is resized to before the windows are cut.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sclip/error.h"
#include "sclip/image_view.h"

namespace sclip {

struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;
  bool operator==(const ImageSize&) const = default;
};

// s = min(long_limit / long side, short_side / short side); each side becomes int(side · s + 0.5), at least 1.
// Throws kInvalidArgument for sizes below 1 and for sides beyond kMaxImageSide.
inline ImageSize resized_size(int64_t src_height, int64_t src_width, int64_t short_side, int64_t long_limit = 2048) {
  SCLIP_CHECK(src_height >= 1 && src_width >= 1 && short_side >= 1 && long_limit >= 1, kInvalidArgument,
              "cannot resize ", src_width, "×", src_height, " pixels to a short side of ", short_side,
              " and a long one of at most ", long_limit, ": all must be at least 1");
  const auto longest = static_cast<double>(std::max(src_height, src_width));
  const auto shortest = static_cast<double>(std::min(src_height, src_width));
  const double scale = std::min(static_cast<double>(long_limit) / longest, static_cast<double>(short_side) / shortest);
  const auto side = [scale](int64_t n) {
    return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(n) * scale + 0.5));
  };
  const ImageSize size{side(src_height), side(src_width)};
  SCLIP_CHECK(size.height <= kMaxImageSide && size.width <= kMaxImageSide, kInvalidArgument, "a photo of ", src_width,
              "×", src_height, " pixels with a short side of ", short_side, " and a long one of at most ", long_limit,
              " becomes ", size.width, "×", size.height, "; a side may have ", kMaxImageSide);
  return size;
}

}  // namespace sclip
