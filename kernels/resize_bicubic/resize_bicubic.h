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

#include <array>
#include <cstdint>

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

void resize_bicubic_cpu(const ResizeBicubicParams& params);

namespace ref {
void resize_bicubic(const ResizeBicubicParams& params);
}

}  // namespace sclip
