#include "io/resample.h"

#include <algorithm>

#include "sclip/error.h"

namespace sclip {
namespace {

struct Span {
  int begin, end;
};

// What of `from` pixels the pixel `i` of `to` covers: one at least.
Span covered(int i, int to, int from) {
  const auto begin = static_cast<int>(int64_t{i} * from / to);
  return {begin, std::max(begin + 1, static_cast<int>(int64_t{i + 1} * from / to))};
}

}  // namespace

Image resample(ImageView picture, int width, int height) {
  check_rgb(picture, "the picture to resample");
  SCLIP_CHECK(width >= 1 && height >= 1, kInvalidArgument, "cannot make a picture of ", width, "×", height, " pixels");
  Image out(width, height);
  uint8_t* to = out.rgb.data();
  for (int y = 0; y < height; ++y) {
    const Span rows = covered(y, height, picture.height);
    for (int x = 0; x < width; ++x, to += 3) {
      const Span columns = covered(x, width, picture.width);
      uint64_t sums[3] = {};
      for (int row = rows.begin; row < rows.end; ++row) {
        const uint8_t* from = picture.row(row) + size_t{3} * static_cast<size_t>(columns.begin);
        for (int i = columns.begin; i < columns.end; ++i, from += 3) {
          for (int c = 0; c < 3; ++c) sums[c] += from[c];
        }
      }
      const auto pixels =
          static_cast<uint64_t>(rows.end - rows.begin) * static_cast<uint64_t>(columns.end - columns.begin);
      for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>((sums[c] + pixels / 2) / pixels);
    }
  }
  return out;
}

}  // namespace sclip
