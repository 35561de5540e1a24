// torch's upsample_bilinear2d with align_corners = False, along one axis: between which two inputs an output lies.
//
//   source = max((i + 0.5) · (in / out) − 0.5, 0), in f32 as torch's CPU and CUDA kernels have it. Equal sizes are the
//   identity.
// One function for host and device. The device's intrinsics keep multiply and add apart, as the host's compiler does
// for processors without a fused multiply-add in its baseline.
#pragma once

#include <algorithm>
#include <cstdint>

#ifdef __CUDACC__
#define SCLIP_HOST_DEVICE __host__ __device__
#else
#define SCLIP_HOST_DEVICE
#endif

namespace sclip {

// value = weight0 · x[index0] + weight1 · x[index1]
template <typename Index>
struct BilinearTap {
  Index index0, index1;
  float weight0, weight1;
};

// Output i of `out` from `in` inputs.
template <typename Index>
SCLIP_HOST_DEVICE inline BilinearTap<Index> bilinear_tap(Index in, Index out, Index i) {
  if (in == out) return {i, i, 1.0f, 0.0f};
#ifdef __CUDA_ARCH__
  const float scale = __fdiv_rn(static_cast<float>(in), static_cast<float>(out));
  const float source = fmaxf(__fsub_rn(__fmul_rn(scale, __fadd_rn(static_cast<float>(i), 0.5f)), 0.5f), 0.0f);
  const Index index0 = min(static_cast<Index>(source), in - 1);
  const float weight1 = fminf(__fsub_rn(source, static_cast<float>(index0)), 1.0f);
  return {index0, min(index0 + 1, in - 1), __fsub_rn(1.0f, weight1), weight1};
#else
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  const float source = std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
  const Index index0 = std::min(static_cast<Index>(source), in - 1);
  const float weight1 = std::min(source - static_cast<float>(index0), 1.0f);
  return {index0, std::min(index0 + 1, in - 1), 1.0f - weight1, weight1};
#endif
}

}  // namespace sclip
