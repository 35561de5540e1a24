// kRows rows of a window are one work item: the window's weights, T exponentials, then two passes over each row, which
// lies in L1. Bound by the loads and stores of the rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/feature_surgery/feature_surgery_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/feature_surgery/feature_surgery.h"
#include "kernels/simd/exp-inl.h"
#include "kernels/simd/layernorm_row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

constexpr int64_t kRows = 64;

// fn(tag, first) for whole vectors, then for single elements.
template <typename Fn>
HWY_INLINE void ForVectors(int64_t count, const Fn& fn) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) fn(d, i);
  for (; i < count; ++i) fn(hn::CappedTag<float, 1>(), i);
}

HWY_INLINE void WordWeights(const FeatureSurgeryParams& p, int64_t window, float* HWY_RESTRICT weights) {
  const float* HWY_RESTRICT c = p.window_scores + window * p.words;
  const float largest = *std::max_element(c, c + p.words);
  ForVectors(p.words, [&](auto d, int64_t t) HWY_ATTR {
    const auto below = hn::Sub(hn::LoadU(d, c + t), hn::Set(d, largest));
    hn::StoreU(FastExp(d, hn::Mul(below, hn::Set(d, p.sharpness))), d, weights + t);
  });
  const float total = RowSum(p.words, [weights](auto d, int64_t t) HWY_ATTR { return hn::LoadU(d, weights + t); });
  const float scale = static_cast<float>(p.words) / total;
  ForVectors(p.words, [&](auto d, int64_t t) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, weights + t), hn::Set(d, scale)), d, weights + t);
  });
}

void FeatureSurgery(const FeatureSurgeryParams& p, const CpuQueue& queue) {
  const int64_t pieces = (p.rows + kRows - 1) / kRows;
  queue.scratch->reserve_workers(queue.pool->threads_here(), static_cast<size_t>(p.words) * sizeof(float));
  queue.pool->parallel_for_workers(p.batch * pieces, [&](int worker, int64_t item) HWY_ATTR {
    auto* HWY_RESTRICT weights = reinterpret_cast<float*>(queue.scratch->worker(worker));
    const int64_t window = item / pieces, first = item % pieces * kRows;
    WordWeights(p, window, weights);
    for (int64_t r = first; r < std::min(first + kRows, p.rows); ++r) {
      float* HWY_RESTRICT x = p.scores + (window * p.rows + r) * p.words;
      const float sum = RowSum(p.words, [x, weights](auto d, int64_t t) HWY_ATTR {
        return hn::Mul(hn::LoadU(d, weights + t), hn::LoadU(d, x + t));
      });
      const float mean = sum / static_cast<float>(p.words);
      ForVectors(p.words, [&](auto d, int64_t t) HWY_ATTR {
        hn::StoreU(hn::MulSub(hn::LoadU(d, weights + t), hn::LoadU(d, x + t), hn::Set(d, mean)), d, x + t);
      });
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(FeatureSurgery);

void feature_surgery_cpu(const FeatureSurgeryParams& p, CpuQueue queue) {
  check_params(p);
  HWY_DYNAMIC_DISPATCH(FeatureSurgery)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
