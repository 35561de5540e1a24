// Pixel-adaptive mask refinement (Araslanov and Roth, CVPR 2020): smooths planes along what looks alike in the photo.
//
//   G            the image, bilinear to (H, W):  a + f · (b − a) along columns, then along rows; f and indices in
//                f32 as torch's align_corners = False has them: source = max((i + 0.5) · (in / out) − 0.5, 0)
//   neighbours   the 8 pixels at distance d left, right, up and down, for each dilation d; P = 8 or 16 in all.
//                Outside the photo the nearest pixel counts.
//   a[p]         mean over the channels of −|G − G[p]| / (1e-8 + 0.1 · σ), σ the unbiased standard deviation of
//                the channel over the neighbours and, once for each dilation, the pixel itself
//   w            softmax of a over the P neighbours
//   planes[k] ← Σ_p w[p] · planes[k][p], `iterations` times
//
// Large in memory, because a plane must be finished before the next iteration reads it: besides the K planes the CPU
// takes (3 + P + 8) · H · W floats, CUDA (3 + P + K) · H · W.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

struct PamrParams {
  const float* image = nullptr;  // (3, h, w), contiguous, normalised
  int64_t image_height = 0;      // h, 1 … 2^24
  int64_t image_width = 0;       // w
  float* planes = nullptr;       // (K, H, W), contiguous; refined in place; does not overlap the image
  int64_t count = 0;             // K
  int64_t height = 0;            // H; H · W < 2^31
  int64_t width = 0;             // W
  int64_t iterations = 10;
  std::array<int64_t, 2> dilations = {8, 16};  // each 1 … 32; a second one of 0: only the first
};

// What both implementations ask of their arguments.
inline void check_params(const PamrParams& p) {
  SCLIP_CHECK(p.image != nullptr && p.planes != nullptr, kInvalidArgument, "pamr: image and planes must be given");
  constexpr int64_t kMaxSide = int64_t{1} << 24;
  SCLIP_CHECK(p.image_height >= 1 && p.image_width >= 1 && p.height >= 1 && p.width >= 1 && p.count >= 1 &&
                  p.image_height <= kMaxSide && p.image_width <= kMaxSide && p.height <= kMaxSide &&
                  p.width <= kMaxSide && p.width < (int64_t{1} << 31) / p.height,
              kInvalidArgument, "pamr: cannot refine ", p.count, " planes of ", p.width, " × ", p.height,
              " pixels by an image of ", p.image_width, " × ", p.image_height);
  SCLIP_CHECK(
      p.dilations[0] >= 1 && p.dilations[0] <= 32 && p.dilations[1] >= 0 && p.dilations[1] <= 32 && p.iterations >= 0,
      kInvalidArgument, "pamr: dilations of ", p.dilations[0], " and ", p.dilations[1], " and ", p.iterations,
      " iterations; dilations must be 1 … 32, and iterations not negative");
}

// Where neighbour n of 8 lies, times the dilation: rows from the top, without the centre.
constexpr int pamr_dy(int n) {
  return (n < 4 ? n : n + 1) / 3 - 1;
}
constexpr int pamr_dx(int n) {
  return (n < 4 ? n : n + 1) % 3 - 1;
}

void pamr_cpu(const PamrParams& params, CpuQueue queue);
// `workspace` is device memory of `pamr_cuda_workspace` bytes, aligned to 128.
size_t pamr_cuda_workspace(const PamrParams& params);
void pamr_cuda(const PamrParams& params, void* workspace, CudaQueue queue);

namespace ref {
void pamr(const PamrParams& params);
}

}  // namespace sclip
