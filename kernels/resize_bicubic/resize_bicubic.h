// Antialiased bicubic resize of an 8-bit RGB photo, centre crop, normalisation: the rule named `pil-bicubic`,
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

#include "core/error.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

struct ResizeBicubicParams {
  const uint8_t* src = nullptr;  // (H0, W0, 3), contiguous
  float* dst = nullptr;          // (3, S, S), contiguous; does not overlap src
  int64_t src_height = 0;        // H0 ≥ 1
  int64_t src_width = 0;         // W0 ≥ 1
  int64_t size = 224;            // S
  std::array<float, 3> mean{};   // of R, G, B in 0 … 255
  std::array<float, 3> std{1, 1, 1};
};

// What both implementations ask of their arguments.
inline void check_params(const ResizeBicubicParams& p) {
  SCLIP_CHECK(p.src != nullptr && p.dst != nullptr, kInvalidArgument, "resize_bicubic: src and dst must be given");
  const int64_t longest = std::max(p.src_height, p.src_width);
  SCLIP_CHECK(p.src_height >= 1 && p.src_width >= 1 && p.size >= 1 && longest <= (int64_t{1} << 24) && p.size <= 65536,
              kInvalidArgument, "resize_bicubic: cannot resize ", p.src_width, " × ", p.src_height,
              " pixels to a short side of ", p.size);
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
