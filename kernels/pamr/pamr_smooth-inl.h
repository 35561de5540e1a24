// A row of a PAMR iteration: up to four planes share each reading of the weights. Inside Highway's foreach_target.

// Once a target: Highway includes this file again for each.
#if defined(SCLIP_KERNELS_PAMR_PAMR_SMOOTH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_PAMR_PAMR_SMOOTH_INL_H_
#undef SCLIP_KERNELS_PAMR_PAMR_SMOOTH_INL_H_
#else
#define SCLIP_KERNELS_PAMR_PAMR_SMOOTH_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/pamr/pamr_rows.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

// kVectors side by side, so that finding a neighbour's row is paid once for them.
template <int kPlanes, int kVectors, class D>
HWY_INLINE void SmoothAt(D d, const PamrPlaneRow& row, int64_t x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<D> sum[kPlanes][kVectors];
  for (int k = 0; k < kPlanes; ++k) {
    for (int v = 0; v < kVectors; ++v) sum[k][v] = hn::Zero(d);
  }
  for (int n = 0; n < row.neighbours; ++n) {
    const float* weights = row.weights[n] + x;
    const float* from = row.from[n] + x;
    for (int v = 0; v < kVectors; ++v) {
      const auto weight = hn::LoadU(d, weights + v * lanes);
      for (int k = 0; k < kPlanes; ++k) {
        sum[k][v] = hn::MulAdd(weight, hn::LoadU(d, from + k * row.from_step + v * lanes), sum[k][v]);
      }
    }
  }
  for (int k = 0; k < kPlanes; ++k) {
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[k][v], d, row.out + k * row.out_step + x + v * lanes);
  }
}

template <int kPlanes>
HWY_INLINE void SmoothRow(const PamrPlaneRow& row, int64_t width) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t x = 0;
  for (; x + 2 * lanes <= width; x += 2 * lanes) SmoothAt<kPlanes, 2>(d, row, x);
  for (; x < width; ++x) SmoothAt<kPlanes, 1>(hn::CappedTag<float, 1>(), row, x);
}

void PamrSmoothRow(const PamrPlaneRow& row, int64_t planes, int64_t width) {
  switch (planes) {
    case 1: return SmoothRow<1>(row, width);
    case 2: return SmoothRow<2>(row, width);
    case 3: return SmoothRow<3>(row, width);
    default: return SmoothRow<4>(row, width);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
