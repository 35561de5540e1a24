// A row of PAMR's weights: affinities of neighbours in the guide, and their softmax. Inside Highway's foreach_target.

// Once a target: Highway includes this file again for each.
#if defined(SCLIP_KERNELS_PAMR_PAMR_WEIGHTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_PAMR_PAMR_WEIGHTS_INL_H_
#undef SCLIP_KERNELS_PAMR_PAMR_WEIGHTS_INL_H_
#else
#define SCLIP_KERNELS_PAMR_PAMR_WEIGHTS_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/pamr/pamr_rows.h"
#include "kernels/simd/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

// One channel's part: affinity[n] −= |centre − value[n]| / (1e-8 + 0.1 · σ).
template <int kNeighbours, class D, class V>
HWY_INLINE void AddAffinity(D d, const float* centre_row, const float* const* neighbour_rows, int64_t x, V* affinity) {
  namespace hn = hwy::HWY_NAMESPACE;
  constexpr float kDilations = kNeighbours / 8;
  constexpr float kSamples = kNeighbours + kDilations;
  const auto dilations = hn::Set(d, kDilations);
  const auto centre = hn::LoadU(d, centre_row + x);
  auto sum = hn::Mul(dilations, centre);
  for (int n = 0; n < kNeighbours; ++n) sum = hn::Add(sum, hn::LoadU(d, neighbour_rows[n] + x));
  const auto mean = hn::Mul(sum, hn::Set(d, 1 / kSamples));
  const auto from_mean = hn::Sub(centre, mean);
  auto squares = hn::Mul(hn::Mul(dilations, from_mean), from_mean);
  for (int n = 0; n < kNeighbours; ++n) {
    const auto difference = hn::Sub(hn::LoadU(d, neighbour_rows[n] + x), mean);
    squares = hn::MulAdd(difference, difference, squares);
  }
  const auto deviation = hn::Sqrt(hn::Mul(squares, hn::Set(d, 1 / (kSamples - 1))));
  const auto scale = hn::Div(hn::Set(d, 1.0f), hn::MulAdd(hn::Set(d, 0.1f), deviation, hn::Set(d, 1e-8f)));
  for (int n = 0; n < kNeighbours; ++n) {
    const auto difference = hn::Abs(hn::Sub(centre, hn::LoadU(d, neighbour_rows[n] + x)));
    affinity[n] = hn::NegMulAdd(difference, scale, affinity[n]);
  }
}

template <int kNeighbours, class D>
HWY_INLINE void WeightsAt(D d, const PamrGuideRow& row, int64_t x, float* const* out) {
  namespace hn = hwy::HWY_NAMESPACE;
  hn::Vec<D> affinity[kNeighbours];
  for (int n = 0; n < kNeighbours; ++n) affinity[n] = hn::Zero(d);
  for (int c = 0; c < 3; ++c) AddAffinity<kNeighbours>(d, row.centre[c], row.neighbour[c], x, affinity);
  auto most = affinity[0];
  for (int n = 1; n < kNeighbours; ++n) most = hn::Max(most, affinity[n]);
  auto sum = hn::Zero(d);
  for (int n = 0; n < kNeighbours; ++n) {
    affinity[n] = FastExp(d, hn::Mul(hn::Sub(affinity[n], most), hn::Set(d, 1.0f / 3)));
    sum = hn::Add(sum, affinity[n]);
  }
  const auto inverse = hn::Div(hn::Set(d, 1.0f), sum);
  for (int n = 0; n < kNeighbours; ++n) hn::StoreU(hn::Mul(affinity[n], inverse), d, out[n] + x);
}

template <int kNeighbours>
HWY_INLINE void WeightsRow(const PamrGuideRow& row, int64_t width, float* const* out) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t x = 0;
  for (; x + lanes <= width; x += lanes) WeightsAt<kNeighbours>(d, row, x, out);
  for (; x < width; ++x) WeightsAt<kNeighbours>(hn::CappedTag<float, 1>(), row, x, out);
}

void PamrWeightsRow(const PamrGuideRow& row, int neighbours, int64_t width, float* const* out) {
  neighbours == 8 ? WeightsRow<8>(row, width, out) : WeightsRow<16>(row, width, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
