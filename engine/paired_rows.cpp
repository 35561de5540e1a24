#include "engine/paired_rows.h"

#include <algorithm>
#include <cstring>

#include "kernels/resize_normalize/resize_normalize.h"

namespace sclip {
namespace {

constexpr int64_t kStripBytes = int64_t{1} << 23;

}  // namespace

ImageView PairedRows::gather(PhotoRows& photo, int64_t dst_height, const RunControl& control) {
  const int64_t height = photo.height(), row = int64_t{photo.width()} * 3;
  const int64_t step = std::clamp<int64_t>(kStripBytes / row, 1, height);
  pairs_.resize_discard(static_cast<size_t>(2 * dst_height * row));
  strip_.resize_discard(static_cast<size_t>(step * row));
  // Both rows of a pair ascend with the result's row, so each waits for its place in the photo.
  int64_t next_upper = 0, next_lower = 0;
  for (int64_t y = 0; y < height; y += step) {
    const int64_t end = std::min(height, y + step);
    photo.read(strip_.data(), end - y);
    const auto take = [&](int64_t& next, int64_t SourceRows::*which, int64_t slot) {
      for (; next < dst_height; ++next) {
        const int64_t wanted = source_rows(next, height, dst_height).*which;
        if (wanted >= end) break;
        std::memcpy(pairs_.data() + (2 * next + slot) * row, strip_.data() + (wanted - y) * row,
                    static_cast<size_t>(row));
      }
    };
    take(next_upper, &SourceRows::upper, 0);
    take(next_lower, &SourceRows::lower, 1);
    control.check();
    control.report(static_cast<double>(end) / static_cast<double>(height));
  }
  return {pairs_.data(), photo.width(), static_cast<int>(2 * dst_height)};
}

}  // namespace sclip
