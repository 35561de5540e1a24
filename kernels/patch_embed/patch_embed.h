// Patch embedding: windows cut from the normalised photo become tokens.
//
//   embedded[b, i] = conv1 · (the 3·P·P pixels of patch i of window b, channel-major as conv1's weight)
//   tokens[b, 0] = ln_pre(class + pos[0]);  tokens[b, 1 + i] = ln_pre(embedded[b, i] + pos[1 + i])
//
// A grid that does not divide by P is floored: the right and bottom rest is never read.
// The CPU gathers the pixels of all patches, lets its GEMM multiply them, and assembles the tokens: two kernels around
// a product. On CUDA one kernel multiplies straight from the photo, and ln_pre follows in place.
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

struct PatchOrigin {
  int32_t x = 0;  // left column of the window in the photo
  int32_t y = 0;  // top row
};

struct PatchEmbedParams {
  const float* image = nullptr;            // (3, H, W)
  const PatchOrigin* windows = nullptr;    // (B); every window lies inside the photo
  const float* class_embedding = nullptr;  // (C)
  const float* positions = nullptr;        // (1 + h·w, C)
  const float* gamma = nullptr;            // (C) of ln_pre
  const float* beta = nullptr;             // (C)
  float* tokens = nullptr;                 // (B, 1 + h·w, C)
  DType dtype = DType::kF32;               // what the pixels are rounded to before the product: kF32, kBF16; CUDA: kF16
  int64_t height = 0;                      // H
  int64_t width = 0;                       // W
  int64_t batch = 0;                       // B
  int64_t grid_h = 0;                      // h
  int64_t grid_w = 0;                      // w
  int64_t patch = 0;                       // P
  int64_t cols = 0;                        // C
  float eps = 1e-5f;
};

// What all implementations ask of their arguments; `windows` may be device memory, and is not looked at.
inline void check_params(const PatchEmbedParams& p) {
  check_float_dtype("patch_embed", p.dtype);
  SCLIP_CHECK(p.batch >= 0 && p.grid_h >= 1 && p.grid_w >= 1 && p.patch >= 1 && p.cols >= 1 && p.eps >= 0 &&
                  p.grid_h * p.patch <= p.height && p.grid_w * p.patch <= p.width,
              kInvalidArgument, "patch_embed: ", p.batch, " windows of ", p.grid_h, "×", p.grid_w, " patches of ",
              p.patch, " pixels and ", p.cols, " channels do not fit a photo of ", p.height, "×", p.width);
  SCLIP_CHECK(
      p.batch == 0 || (p.image != nullptr && p.windows != nullptr && p.class_embedding != nullptr &&
                       p.positions != nullptr && p.gamma != nullptr && p.beta != nullptr && p.tokens != nullptr),
      kInvalidArgument, "patch_embed: photo, windows, class embedding, positions, ln_pre and tokens must be given");
}

// The two kernels around the CPU's product. `patches`: (B, h·w, 3·P·P) in params.dtype. `embedded`: (B, h·w, C), the
// product of the patches with conv1; no overlap with the tokens.
void gather_patches_cpu(const PatchEmbedParams& params, void* patches, CpuQueue queue);
void assemble_tokens_cpu(const PatchEmbedParams& params, const float* embedded, CpuQueue queue);

// `weight`: (C, 3·P·P) in params.dtype, rows weight_stride elements apart, a multiple of 8, zeros between; 16-byte
// aligned.
void patch_embed_cuda(const PatchEmbedParams& params, const void* weight, int64_t weight_stride, CudaQueue queue);

namespace ref {
void gather_patches(const PatchEmbedParams& params, float* patches);
void assemble_tokens(const PatchEmbedParams& params, const float* embedded);
}  // namespace ref

}  // namespace sclip
