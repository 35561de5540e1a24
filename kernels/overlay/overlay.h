// Lays the colours of the classes over a photo, and draws a line along the borders between labels.
//
// Fill:    round((photo · (255 − opacity) + colour · opacity) / 255) with the colour and opacity of the pixel's class;
//          a label without a colour (≥ classes) leaves the photo as it is.
// Line:    a pixel is `core` when one of the four pixels `line` to its left, right, above or below has another label
//          (outside the photo counts as the same), `halo` when one of those 2·`line` away has.
//          Core pixels are blended with white (kCoreOpacity), the others that are halo with black (kHaloOpacity),
//          so that the line shows on bright and dark photos. line = 0 draws none.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip {

constexpr int kCoreOpacity = 215;
constexpr int kHaloOpacity = 90;

struct OverlayParams {
  const uint8_t* photo = nullptr;    // (H0, W0, 3), contiguous
  const void* labels = nullptr;      // (H0, W0), contiguous, class ids in labels_dtype
  DType labels_dtype = DType::kU16;  // kU8 or kU16
  const uint8_t* colors = nullptr;   // (classes, 4): R, G, B, opacity
  int64_t classes = 0;
  uint8_t* dst = nullptr;  // (H0, W0, 3), rows dst_stride bytes apart; may be the photo itself
  int64_t dst_stride = 0;  // ≥ 3·W0
  int64_t height = 0;      // H0
  int64_t width = 0;       // W0
  int64_t line = 1;        // pixels
};

// What both implementations ask of their arguments.
inline void check_params(const OverlayParams& p) {
  SCLIP_CHECK(p.photo != nullptr && p.labels != nullptr && p.dst != nullptr && (p.colors != nullptr || p.classes == 0),
              kInvalidArgument, "overlay: photo, labels, colors and dst must be given");
  SCLIP_CHECK(p.height >= 1 && p.width >= 1 && p.dst_stride >= 3 * p.width && p.line >= 0, kInvalidArgument,
              "overlay: cannot draw ", p.width, " × ", p.height, " pixels in rows of ", p.dst_stride,
              " bytes with a line of ", p.line);
  SCLIP_CHECK(p.labels_dtype == DType::kU8 || p.labels_dtype == DType::kU16, kInvalidArgument, "overlay: labels are ",
              to_string(p.labels_dtype), "; they must be U8 or U16");
}

void overlay_cpu(const OverlayParams& params, CpuQueue queue);
void overlay_cuda(const OverlayParams& params, CudaQueue queue);

namespace ref {
void overlay(const OverlayParams& params);
}

}  // namespace sclip
