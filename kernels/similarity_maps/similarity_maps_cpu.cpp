// A pass for the rows' sums, where attention is asked for; then each row by itself: its maximum, its exponentials, its
// entries above the threshold, in up to five passes over a row in L1. The mean is the sum of the rows' sums in order,
// in double: the same for any number of threads. Bound by memory for `rows`, by about 15 instructions an exponential.
#include <algorithm>
#include <limits>

#include "kernels/similarity_maps/similarity_maps.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/similarity_maps/similarity_maps_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Wide = hn::ScalableTag<float>;
using Narrow = hn::CappedTag<float, 1>;

template <class D>
HWY_INLINE hn::Vec<D> Kept(D d, hn::Vec<D> x, float threshold) {
  return hn::IfThenElseZero(hn::Ge(x, hn::Set(d, threshold)), x);
}

// The sum of x's entries, or of those that are kept.
HWY_INLINE float RowSum(const float* HWY_RESTRICT x, int64_t n, bool kept, float threshold) {
  const Wide d;
  const Narrow one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes) {
    const auto v = hn::LoadU(d, x + j);
    sum = hn::Add(sum, kept ? Kept(d, v, threshold) : v);
  }
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; j < n; ++j) total += kept ? hn::GetLane(Kept(one, hn::LoadU(one, x + j), threshold)) : x[j];
  return total;
}

// Centred entries, −∞ where they are hidden.
template <class D>
HWY_INLINE hn::Vec<D> Centred(D d, hn::Vec<D> x, float mean) {
  const auto c = hn::Sub(x, hn::Set(d, mean));
  const auto exact = hn::IfThenZeroElse(hn::Lt(hn::Abs(c), hn::Set(d, kSimilarityIsMean)), c);
  return hn::IfThenElse(hn::Lt(exact, hn::Zero(d)), hn::Set(d, -std::numeric_limits<float>::infinity()), exact);
}

HWY_INLINE void AttentionRow(const float* HWY_RESTRICT x, float* HWY_RESTRICT out, int64_t n, int64_t self, float mean,
                             const SimilarityMapsParams& p) {
  const Wide d;
  const Narrow one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t full = n / lanes * lanes;
  const auto centred = [&](auto tag, int64_t j) HWY_ATTR {
    const auto v = hn::LoadU(tag, x + j);
    return Centred(tag, p.of_kept ? Kept(tag, v, p.threshold) : v, mean);
  };
  auto most = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (int64_t j = 0; j < full; j += lanes) {
    const auto c = centred(d, j);
    hn::StoreU(c, d, out + j);
    most = hn::Max(most, c);
  }
  float largest = hn::GetLane(hn::MaxOfLanes(d, most));
  for (int64_t j = full; j < n; ++j) {
    out[j] = hn::GetLane(centred(one, j));
    largest = std::max(largest, out[j]);
  }
  if (largest == -std::numeric_limits<float>::infinity()) out[self] = largest = 0;

  const auto exponential = [&](auto tag, int64_t j) HWY_ATTR {
    const auto e =
        FastExp(tag, hn::Mul(hn::Set(tag, p.scale), hn::Sub(hn::LoadU(tag, out + j), hn::Set(tag, largest))));
    hn::StoreU(e, tag, out + j);
    return e;
  };
  auto sum = hn::Zero(d);
  for (int64_t j = 0; j < full; j += lanes) sum = hn::Add(sum, exponential(d, j));
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (int64_t j = full; j < n; ++j) total += hn::GetLane(exponential(one, j));
  const float inverse = 1.0f / total;
  for (int64_t j = 0; j < full; j += lanes) {
    hn::StoreU(hn::Mul(hn::LoadU(d, out + j), hn::Set(d, inverse)), d, out + j);
  }
  for (int64_t j = full; j < n; ++j) out[j] *= inverse;
}

// x and out may be the same row.
HWY_INLINE void MixtureRow(const float* x, float* out, int64_t n, float threshold) {
  const Wide d;
  const Narrow one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const float inverse = 1.0f / (RowSum(x, n, true, threshold) + kSimilarityRowEps);
  const auto element = [&](auto tag, int64_t j) HWY_ATTR {
    hn::StoreU(hn::Mul(Kept(tag, hn::LoadU(tag, x + j), threshold), hn::Set(tag, inverse)), tag, out + j);
  };
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes) element(d, j);
  for (; j < n; ++j) element(one, j);
}

void SimilarityMaps(const SimilarityMapsParams& p, CpuQueue queue) {
  const int64_t n = p.patches;
  constexpr int64_t kElements = 1 << 13;  // less is not worth a second thread
  const int64_t smallest = std::max<int64_t>(1, kElements / std::max<int64_t>(n, 1));
  const auto each_row = [&](const auto& body) {
    queue.pool->parallel_ranges(p.batch * n, smallest, [&](int64_t begin, int64_t end) HWY_ATTR {
      for (int64_t i = begin; i < end; ++i) body(i);
    });
  };
  if (p.attention != nullptr) {
    each_row([&](int64_t i) HWY_ATTR { p.sums[i] = RowSum(p.x + i * n, n, p.of_kept, p.threshold); });
  }
  each_row([&](int64_t i) HWY_ATTR {
    if (p.attention != nullptr) {
      double sum = 0;
      for (int64_t j = 0; j < n; ++j) sum += static_cast<double>(p.sums[i / n * n + j]);
      const double entries = static_cast<double>(n) * static_cast<double>(n);
      AttentionRow(p.x + i * n, p.attention + i * n, n, i % n, static_cast<float>(sum / entries), p);
    }
    if (p.rows != nullptr) MixtureRow(p.x + i * n, p.rows + i * n, n, p.threshold);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(SimilarityMaps);

void similarity_maps_cpu(const SimilarityMapsParams& p, CpuQueue queue) {
  check_params(p);
  HWY_DYNAMIC_DISPATCH(SimilarityMaps)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
