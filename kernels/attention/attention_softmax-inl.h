// The softmax of a row of scores that lies in the first-level cache.
// Highway style: included once per target from inside a foreach_target file.

#if defined(SCLIP_KERNELS_ATTENTION_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_ATTENTION_SOFTMAX_INL_H_
#undef SCLIP_KERNELS_ATTENTION_SOFTMAX_INL_H_
#else
#define SCLIP_KERNELS_ATTENTION_SOFTMAX_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <limits>

#include "kernels/simd/exp-inl.h"
#include "kernels/simd/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

// In place: row[j] = exp(scale·row[j] (+ bias[j]) − max) for j < visible, 0 up to `padded`. Returns the sum.
HWY_INLINE float ExpRow(float* HWY_RESTRICT row, const float* HWY_RESTRICT bias, int64_t visible, int64_t padded,
                        float scale) {
  const Tag d;
  const auto minus_infinity = hn::Set(d, -std::numeric_limits<float>::infinity());
  const int64_t full = visible / kLanes * kLanes;
  const auto rest = hn::FirstN(d, static_cast<size_t>(visible - full));
  const auto factor = hn::Set(d, scale);
  if (bias != nullptr) {
    for (int64_t j = 0; j < full; j += kLanes) {
      hn::Store(hn::MulAdd(hn::Load(d, row + j), factor, hn::LoadU(d, bias + j)), d, row + j);
    }
    for (int64_t j = full; j < visible; ++j) row[j] = row[j] * scale + bias[j];
  }
  auto m0 = minus_infinity, m1 = minus_infinity;
  int64_t j = 0;
  for (; j + 2 * kLanes <= full; j += 2 * kLanes) {
    m0 = hn::Max(m0, hn::Load(d, row + j));
    m1 = hn::Max(m1, hn::Load(d, row + j + kLanes));
  }
  if (j < full) m0 = hn::Max(m0, hn::Load(d, row + j));
  if (full < visible) m1 = hn::Max(m1, hn::IfThenElse(rest, hn::Load(d, row + full), minus_infinity));
  const auto largest = hn::MaxOfLanes(d, hn::Max(m0, m1));

  const auto exponent_scale = bias != nullptr ? hn::Set(d, 1.0f) : factor;
  const auto offset = hn::Mul(largest, exponent_scale);
  auto s0 = hn::Zero(d), s1 = hn::Zero(d);
  for (j = 0; j + 2 * kLanes <= full; j += 2 * kLanes) {
    const auto e0 = FastExp(d, hn::MulSub(hn::Load(d, row + j), exponent_scale, offset));
    const auto e1 = FastExp(d, hn::MulSub(hn::Load(d, row + j + kLanes), exponent_scale, offset));
    hn::Store(e0, d, row + j);
    hn::Store(e1, d, row + j + kLanes);
    s0 = hn::Add(s0, e0);
    s1 = hn::Add(s1, e1);
  }
  if (j < full) {
    const auto e = FastExp(d, hn::MulSub(hn::Load(d, row + j), exponent_scale, offset));
    hn::Store(e, d, row + j);
    s0 = hn::Add(s0, e);
  }
  if (full < visible) {
    const auto e = FastExp(d, hn::MulSub(hn::Load(d, row + full), exponent_scale, offset));
    const auto kept = hn::IfThenElseZero(rest, e);
    hn::Store(kept, d, row + full);
    s1 = hn::Add(s1, kept);
  }
  for (j = round_up(visible, kLanes); j < padded; j += kLanes) hn::Store(hn::Zero(d), d, row + j);
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
