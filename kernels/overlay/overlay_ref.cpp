#include "kernels/overlay/overlay.h"

#include <cmath>

namespace sclip::ref {
namespace {

uint8_t blend(uint8_t under, int over, int opacity) {
  return static_cast<uint8_t>(std::lround((under * (255 - opacity) + over * opacity) / 255.0));
}

}  // namespace

void overlay(const OverlayParams& p) {
  const auto label = [&](int64_t y, int64_t x) -> int {
    const int64_t i = y * p.width + x;
    return p.labels_dtype == DType::kU8 ? int{static_cast<const uint8_t*>(p.labels)[i]}
                                        : int{static_cast<const uint16_t*>(p.labels)[i]};
  };
  const auto differs = [&](int64_t y, int64_t x, int64_t distance) {
    const auto other = [&](int64_t yy, int64_t xx) {
      return yy >= 0 && yy < p.height && xx >= 0 && xx < p.width && label(yy, xx) != label(y, x);
    };
    return other(y - distance, x) || other(y + distance, x) || other(y, x - distance) || other(y, x + distance);
  };
  for (int64_t y = 0; y < p.height; ++y) {
    for (int64_t x = 0; x < p.width; ++x) {
      for (int64_t c = 0; c < 3; ++c) {
        uint8_t value = p.photo[(y * p.width + x) * 3 + c];
        const uint8_t* color = p.colors + 4 * label(y, x);
        if (label(y, x) < p.classes) value = blend(value, color[c], color[3]);
        if (p.line > 0 && differs(y, x, p.line)) {
          value = blend(value, 255, kCoreOpacity);
        } else if (p.line > 0 && differs(y, x, 2 * p.line)) {
          value = blend(value, 0, kHaloOpacity);
        }
        p.dst[y * p.dst_stride + 3 * x + c] = value;
      }
    }
  }
}

}  // namespace sclip::ref
