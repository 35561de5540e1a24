// Pixel-adaptive mask refinement (Araslanov and Roth, CVPR 2020): smooths planes along what looks alike in the photo.
//
//   G            the image, bilinear to (H, W) (interpolate/bilinear.h)
//   neighbours   the 8 pixels at distance d left, right, up and down, for each dilation d; P = 8 or 16 in all.
//                Outside the photo the nearest pixel counts.
//   a[p]         mean over the channels of −|G − G[p]| / (1e-8 + 0.1 · σ), σ the unbiased standard deviation of
//                the channel over the neighbours and, once for each dilation, the pixel itself
//   w            softmax of a over the P neighbours                              `pamr_weights`, once a photo
//   planes[k] ← Σ_p w[p] · planes[k][p], `iterations` times                      `pamr`, any number of planes a call
//
// Planes are refined each by itself: how they are grouped does not show in the result.
// Memory, in bytes a pixel: 4 · P of weights, 4 for each plane, and on CUDA 4 more for each plane of a call, since an
// iteration cannot be in place there. The CPU works in place and takes a few rows a thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "kernels/patch_embed/patch_embed.h"
#include "sclip/error.h"

namespace sclip {

using PamrDilations = std::array<int64_t, 2>;  // each 1 … 32; a second one of 0: only the first

struct PamrWeightsParams {
  const float* image = nullptr;  // (3, h, w), normalised
  int64_t image_height = 0;      // h, 1 … 2^24
  int64_t image_width = 0;       // w
  int64_t image_row_stride = 0;  // floats from one row to the next, and from one channel to the next; 0: contiguous
  int64_t image_plane_stride = 0;
  // Where in the picture that begins at `image` the image's corner lies, backend memory; null: at its beginning.
  const PatchOrigin* corner = nullptr;
  int64_t height = 0;  // H; H · W < 2^31
  int64_t width = 0;   // W
  PamrDilations dilations = {8, 16};
  float* weights = nullptr;  // (P, H, W); does not overlap the image
};

struct PamrParams {
  const float* weights = nullptr;  // of pamr_weights with the same size and dilations
  int64_t height = 0;
  int64_t width = 0;
  PamrDilations dilations = {8, 16};
  float* planes = nullptr;  // (K, H, W), contiguous; refined in place; does not overlap the weights
  int64_t count = 0;        // K
  int64_t iterations = 10;
};

// The strides with nothing left out.
struct PamrImageStrides {
  int64_t row, plane;
};
inline PamrImageStrides image_strides(const PamrWeightsParams& p) {
  const int64_t row = p.image_row_stride != 0 ? p.image_row_stride : p.image_width;
  return {row, p.image_plane_stride != 0 ? p.image_plane_stride : p.image_height * row};
}

constexpr int64_t pamr_neighbours(const PamrDilations& dilations) {
  return dilations[1] == 0 ? 8 : 16;
}

// How many of `planes` planes to refine in one call, so that the weights, the planes and what the call needs besides
// fit `limit` bytes. At least 1, even where that does not fit; calls of about equal size.
inline int64_t pamr_group(int64_t height, int64_t width, const PamrDilations& dilations, int64_t planes, size_t limit) {
  const auto floats = static_cast<int64_t>(limit / sizeof(float)) / std::max<int64_t>(height * width, 1);
  const int64_t most = std::clamp<int64_t>((floats - pamr_neighbours(dilations)) / 2, 1, std::max<int64_t>(planes, 1));
  const int64_t calls = (planes + most - 1) / most;
  return (planes + calls - 1) / calls;
}

// What both implementations ask of their arguments.
inline void check_pamr_size(int64_t height, int64_t width, const PamrDilations& dilations) {
  constexpr int64_t kMaxSide = int64_t{1} << 24;
  SCLIP_CHECK(
      height >= 1 && width >= 1 && height <= kMaxSide && width <= kMaxSide && width < (int64_t{1} << 31) / height,
      kInvalidArgument, "pamr: cannot refine planes of ", width, "×", height,
      " pixels; a side must be 1 … 2^24, and there must be fewer than 2^31 pixels");
  SCLIP_CHECK(dilations[0] >= 1 && dilations[0] <= 32 && dilations[1] >= 0 && dilations[1] <= 32, kInvalidArgument,
              "pamr: dilations of ", dilations[0], " and ", dilations[1],
              "; they must be 1 … 32, and the second may be 0 for none");
}
inline void check_params(const PamrWeightsParams& p) {
  check_pamr_size(p.height, p.width, p.dilations);
  SCLIP_CHECK(p.image != nullptr && p.weights != nullptr, kInvalidArgument, "pamr: image and weights must be given");
  constexpr int64_t kMaxSide = int64_t{1} << 24;
  SCLIP_CHECK(p.image_height >= 1 && p.image_width >= 1 && p.image_height <= kMaxSide && p.image_width <= kMaxSide,
              kInvalidArgument, "pamr: cannot refine by an image of ", p.image_width, "×", p.image_height,
              " pixels; a side must be 1 … 2^24");
  const PamrImageStrides strides = image_strides(p);
  SCLIP_CHECK(strides.row >= p.image_width && strides.plane >= (p.image_height - 1) * strides.row + p.image_width,
              kInvalidArgument, "pamr: rows of an image of ", p.image_width, "×", p.image_height, " pixels lie ",
              strides.row, " floats apart, its channels ", strides.plane, ": they overlap");
}
inline void check_params(const PamrParams& p) {
  check_pamr_size(p.height, p.width, p.dilations);
  SCLIP_CHECK(p.weights != nullptr && p.planes != nullptr, kInvalidArgument, "pamr: weights and planes must be given");
  SCLIP_CHECK(p.count >= 1 && p.iterations >= 0, kInvalidArgument, "pamr: ", p.count, " planes and ", p.iterations,
              " iterations; there must be planes, and no negative number of iterations");
}

// Where neighbour n of 8 lies, times the dilation: rows from the top, without the centre.
constexpr int pamr_dy(int n) {
  return (n < 4 ? n : n + 1) / 3 - 1;
}
constexpr int pamr_dx(int n) {
  return (n < 4 ? n : n + 1) % 3 - 1;
}

void pamr_weights_cpu(const PamrWeightsParams& params, CpuQueue queue);
void pamr_cpu(const PamrParams& params, CpuQueue queue);

void pamr_weights_cuda(const PamrWeightsParams& params, CudaQueue queue);
// `workspace` is device memory of `pamr_cuda_workspace` bytes, aligned to 128.
size_t pamr_cuda_workspace(const PamrParams& params);
void pamr_cuda(const PamrParams& params, void* workspace, CudaQueue queue);

namespace ref {
void pamr_weights(const PamrWeightsParams& params, double* weights);  // (P, H, W)
void pamr(const double* weights, const PamrParams& params);
}  // namespace ref

}  // namespace sclip
