#include "io/orient.h"

#include <algorithm>
#include <cstring>

#include "sclip/error.h"

namespace sclip {

Image oriented_copy(ImageView stored, int orientation, ThreadPool& pool) {
  check_rgb(stored, "the stored picture");
  SCLIP_CHECK(orientation >= 1 && orientation <= 8, kInternal, "EXIF orientation ", orientation, " is not 1 … 8");
  const bool transposed = orientation >= 5;
  // In the upright picture's terms: whether its x and y run against the stored axis that they follow.
  const bool reverse_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool reverse_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  Image out(transposed ? stored.height : stored.width, transposed ? stored.width : stored.height);

  const ptrdiff_t row = stored.stride();
  const ptrdiff_t step_x = (transposed ? row : 3) * (reverse_x ? -1 : 1);
  const ptrdiff_t step_y = (transposed ? 3 : row) * (reverse_y ? -1 : 1);
  const uint8_t* origin =
      stored.pixels - (reverse_x ? step_x * (out.width - 1) : 0) - (reverse_y ? step_y * (out.height - 1) : 0);

  // Tiles keep both pictures' lines in the cache when the axes are swapped.
  constexpr int kTile = 64;
  pool.parallel_for((out.height + kTile - 1) / kTile, [&](int64_t task) {
    const int y0 = static_cast<int>(task) * kTile;
    const int y1 = std::min(out.height, y0 + kTile);
    for (int x0 = 0; x0 < out.width; x0 += transposed ? kTile : out.width) {
      const int x1 = transposed ? std::min(out.width, x0 + kTile) : out.width;
      for (int y = y0; y < y1; ++y) {
        const uint8_t* from = origin + y * step_y + x0 * step_x;
        uint8_t* to = out.rgb.data() + (ptrdiff_t{y} * out.width + x0) * 3;
        if (step_x == 3) {
          std::memcpy(to, from, static_cast<size_t>(x1 - x0) * 3);
          continue;
        }
        for (int x = x0; x < x1; ++x, from += step_x, to += 3) {
          to[0] = from[0];
          to[1] = from[1];
          to[2] = from[2];
        }
      }
    }
  });
  return out;
}

}  // namespace sclip
