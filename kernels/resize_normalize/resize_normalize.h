// Bilinear resize of an 8-bit photo, and normalisation into planes: the rule named `opencv-linear`.
//
// Half-pixel centres, no antialiasing, 8-bit fixed point as OpenCV's INTER_LINEAR, bit for bit:
//   f  = (float)((i + 0.5) · src/dst − 0.5), computed in f64;  s = floor(f);  f −= s
//   weights rint((1 − f) · 2048) and rint(f · 2048), f in f32
//   columns:  a = p[s]·w0 + p[s+1]·w1; a column that reaches outside the photo has weights (2048, 0)
//   rows:     u8 = ((((a0 >> 4) · v0) >> 16) + (((a1 >> 4) · v1) >> 16) + 2) >> 2; rows outside are clamped
//   dst = (u8 − mean) / std in f32
#pragma once

#include <array>
#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "kernels/resize_normalize/normalization.h"
#include "sclip/error.h"
#include "sclip/image_view.h"

namespace sclip {

struct ResizeNormalizeParams {
  ImageView src;  // (H0, W0) pixels, in any order and with any row stride that check_image allows
  // H0 of a photo of which src holds only what is looked at: src has 2 H rows then, of which 2y and 2y + 1 are those
  // that row y of the result mixes (source_rows). 0: src is the whole photo.
  int64_t photo_height = 0;
  float* dst = nullptr;               // (3, H, W): R, G, B; does not overlap src
  int64_t dst_height = 0;             // H, 1 … kMaxImageSide
  int64_t dst_width = 0;              // W
  int64_t dst_row_stride = 0;         // elements from a pixel to the one below, at least W; 0: contiguous
  int64_t dst_plane_stride = 0;       // elements from a channel to the next, at least H rows; 0: contiguous
  std::array<float, 3> mean{};        // of R, G, B in 0 … 255; finite
  std::array<float, 3> std{1, 1, 1};  // finite, > 0

  bool paired() const { return photo_height != 0; }
  int64_t height() const { return paired() ? photo_height : src.height; }  // H0
  int64_t row_stride() const { return dst_row_stride != 0 ? dst_row_stride : dst_width; }
  int64_t plane_stride() const { return dst_plane_stride != 0 ? dst_plane_stride : dst_height * row_stride(); }
};

// The photo's rows that row y of the result mixes.
struct SourceRows {
  int64_t upper, lower;
};
SourceRows source_rows(int64_t y, int64_t photo_height, int64_t dst_height);

// What both implementations ask of their arguments.
inline void check_params(const ResizeNormalizeParams& p) {
  check_image(p.src, "resize_normalize: the photo");
  SCLIP_CHECK(p.dst != nullptr, kInvalidArgument, "resize_normalize: dst must be given");
  for (const int64_t side : {p.dst_height, p.dst_width}) {
    SCLIP_CHECK(side >= 1 && side <= kMaxImageSide, kInvalidArgument, "resize_normalize: cannot resize ", p.src.width,
                " × ", p.src.height, " pixels to ", p.dst_width, " × ", p.dst_height, ": sides must be 1 … ",
                kMaxImageSide);
  }
  SCLIP_CHECK(
      !p.paired() || (p.photo_height >= 1 && p.photo_height <= kMaxImageSide && p.src.height == 2 * p.dst_height),
      kInvalidArgument, "resize_normalize: ", p.src.height, " rows of a photo of ", p.photo_height,
      "; two for each of the ", p.dst_height, " rows of the result must be given");
  SCLIP_CHECK(p.row_stride() >= p.dst_width && p.plane_stride() >= (p.dst_height - 1) * p.row_stride() + p.dst_width,
              kInvalidArgument, "resize_normalize: rows of ", p.dst_width, " pixels ", p.row_stride(),
              " elements apart, and planes of ", p.dst_height, " rows ", p.plane_stride(), " apart, overlap");
  check_normalization(p.mean, p.std, "resize_normalize");
}

void resize_normalize_cpu(const ResizeNormalizeParams& params, CpuQueue queue);
void resize_normalize_cuda(const ResizeNormalizeParams& params, CudaQueue queue);

namespace ref {
void resize_normalize(const ResizeNormalizeParams& params);
}

}  // namespace sclip
