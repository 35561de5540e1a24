// One row of layer norm in registers and cache, shared by the layer norm kernel and by the ones that end in it.
// Highway style: included once per target from inside a foreach_target file.

#if defined(SCLIP_KERNELS_SIMD_LAYERNORM_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_SIMD_LAYERNORM_ROW_INL_H_
#undef SCLIP_KERNELS_SIMD_LAYERNORM_ROW_INL_H_
#else
#define SCLIP_KERNELS_SIMD_LAYERNORM_ROW_INL_H_
#endif

#include <hwy/highway.h>

#include <cmath>
#include <cstdint>

#include "core/dtype.h"
#include "kernels/simd/bf16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Four accumulators hide the latency of the additions.
template <typename Map>
HWY_INLINE float RowSum(int64_t cols, const Map& map) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto s0 = hn::Zero(d), s1 = hn::Zero(d), s2 = hn::Zero(d), s3 = hn::Zero(d);
  int64_t c = 0;
  for (; c + 4 * lanes <= cols; c += 4 * lanes) {
    s0 = hn::Add(s0, map(d, c));
    s1 = hn::Add(s1, map(d, c + lanes));
    s2 = hn::Add(s2, map(d, c + 2 * lanes));
    s3 = hn::Add(s3, map(d, c + 3 * lanes));
  }
  for (; c + lanes <= cols; c += lanes) s0 = hn::Add(s0, map(d, c));
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
  const hn::CappedTag<float, 1> one;
  for (; c < cols; ++c) sum += hn::GetLane(map(one, c));
  return sum;
}

// `y` is float* or BFloat16*; may alias `x` when float.
template <typename Out>
HWY_INLINE void LayerNormRow(const float* x, const float* HWY_RESTRICT gamma, const float* HWY_RESTRICT beta, Out* y,
                             int64_t cols, float eps) {
  const auto n = static_cast<float>(cols);
  const float mean = RowSum(cols, [&](auto d, int64_t c) HWY_ATTR { return hn::LoadU(d, x + c); }) / n;
  const float variance = RowSum(cols,
                                [&](auto d, int64_t c) HWY_ATTR {
                                  const auto centred = hn::Sub(hn::LoadU(d, x + c), hn::Set(d, mean));
                                  return hn::Mul(centred, centred);
                                }) /
                         n;
  const float inverse = 1.0f / std::sqrt(variance + eps);
  const auto normalise = [&](auto d, int64_t c) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(d, x + c), hn::Set(d, mean));
    const auto scaled = hn::Mul(centred, hn::Set(d, inverse));
    StoreFloat(d, hn::MulAdd(scaled, hn::LoadU(d, gamma + c), hn::LoadU(d, beta + c)), y + c);
  };
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= cols; c += lanes) normalise(d, c);
  const hn::CappedTag<float, 1> one;
  for (; c < cols; ++c) normalise(one, c);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
