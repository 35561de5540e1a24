// Antialiased bicubic resize of an 8-bit photo, centre crop, normalisation: the rule named `pil-bicubic`,
// which is how CLIP's own preprocessing prepares a photo for classification.
//
// The short side becomes S and the long one int(S · long / short); then the S × S centre is cut out, its first
// row and column at round-half-to-even((side − S) / 2). Only what the crop needs is computed.
// Pillow's arithmetic, bit for bit, along columns first and then along rows, u8 in between:
//   scale = src/dst;  stretch = max(scale, 1);  centre = (i + 0.5) · scale
//   taps j from int(centre − 2·stretch + 0.5) to int(centre + 2·stretch + 0.5), clipped to the photo
//   weight ∝ cubic((j − centre + 0.5) / stretch) with a = −0.5, normalised in f64, then rounded to 22 fractional bits
//   u8 = clamp((2^21 + Σ p·weight) >> 22, 0, 255)
//   dst = (u8 − mean) / std in f32
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "kernels/resize_normalize/normalization.h"
#include "sclip/error.h"
#include "sclip/image_view.h"

namespace sclip {

struct ResizeBicubicParams {
  ImageView src;                      // (H0, W0) pixels, in any order and with any row stride that check_image allows
  float* dst = nullptr;               // (3, S, S): R, G, B; contiguous; does not overlap src
  int64_t size = 224;                 // S
  std::array<float, 3> mean{};        // of R, G, B in 0 … 255; finite
  std::array<float, 3> std{1, 1, 1};  // finite, > 0
};

// What both implementations ask of their arguments.
inline void check_params(const ResizeBicubicParams& p) {
  check_image(p.src, "resize_bicubic: the photo");
  SCLIP_CHECK(p.dst != nullptr, kInvalidArgument, "resize_bicubic: dst must be given");
  SCLIP_CHECK(p.size >= 1 && p.size <= 65536, kInvalidArgument, "resize_bicubic: cannot resize ", p.src.width, " × ",
              p.src.height, " pixels to a short side of ", p.size, ": it must be 1 … 65536");
  const int64_t shortest = std::min(p.src.height, p.src.width);
  const int64_t longest = std::max(p.src.height, p.src.width) * p.size / shortest;
  SCLIP_CHECK(longest <= INT32_MAX, kInvalidArgument, "resize_bicubic: a photo of ", p.src.width, " × ", p.src.height,
              " pixels with a short side of ", p.size, " has a long one of ", longest,
              ", more than 32 bits count: crop the photo to a less extreme shape");
  check_normalization(p.mean, p.std, "resize_bicubic");
}

// Python's round((side − size) / 2): a half goes to the even neighbour.
inline int64_t bicubic_crop_begin(int64_t side, int64_t size) {
  const int64_t twice = side - size;
  return twice / 2 + (twice % 2 != 0 && twice / 2 % 2 != 0 ? 1 : 0);
}

void resize_bicubic_cpu(const ResizeBicubicParams& params, CpuQueue queue);
// Device memory of `resize_bicubic_cuda_workspace` bytes, aligned to 128.
size_t resize_bicubic_cuda_workspace(const ResizeBicubicParams& params);
void resize_bicubic_cuda(const ResizeBicubicParams& params, void* workspace, CudaQueue queue);

namespace ref {
void resize_bicubic(const ResizeBicubicParams& params);
}

}  // namespace sclip
