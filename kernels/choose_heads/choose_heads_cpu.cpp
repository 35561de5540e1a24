// Entropies of rows, the choice, and the sum of the chosen heads' rows. Sums have one order, whoever computes them.
// Bound by the logarithms, about 25 instructions for a vector of entries; the sum by memory.
#include <algorithm>
#include <span>

#include "kernels/choose_heads/choose_heads.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/choose_heads/choose_heads_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "kernels/simd/bf16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Wide = hn::ScalableTag<float>;
using Narrow = hn::CappedTag<float, 1>;

HWY_INLINE float RowEntropy(const float* HWY_RESTRICT row, int64_t n) {
  const Wide d;
  const Narrow one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto term = [&](auto tag, int64_t j) HWY_ATTR {
    const auto a = hn::LoadU(tag, row + j);
    return hn::Mul(a, hn::Log2(tag, hn::Add(a, hn::Set(tag, kEntropyEps))));
  };
  auto sum = hn::Zero(d);
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes) sum = hn::Add(sum, term(d, j));
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; j < n; ++j) total += hn::GetLane(term(one, j));
  return -total;
}

// The first chosen head's row is written, the others' added; then the weight.
template <typename Out>
void SumRow(const ChooseHeadsParams& p, int64_t b, int64_t i) {
  const Wide d;
  const Narrow one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t n = p.tokens;
  const float* const summed = (p.summed != nullptr ? p.summed : p.maps) + (b * p.heads * n + i) * n;
  const int32_t* const chosen = p.chosen + b * p.heads;
  Out* const to = static_cast<Out*>(p.out) + (b * n + i) * n;
  const auto element = [&](auto tag, int64_t j) HWY_ATTR {
    auto sum = hn::Zero(tag);
    for (int64_t h = 0; h < p.heads; ++h) {
      if (chosen[h] != 0) sum = hn::Add(sum, hn::LoadU(tag, summed + h * n * n + j));
    }
    StoreFloat(tag, hn::Mul(sum, hn::Set(tag, p.weight)), to + j);
  };
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes) element(d, j);
  for (; j < n; ++j) element(one, j);
}

void ChooseHeads(const ChooseHeadsParams& p, CpuQueue queue) {
  const int64_t n = p.tokens;
  constexpr int64_t kElements = 1 << 12;  // less is not worth a second thread
  const int64_t smallest = std::max<int64_t>(1, kElements / std::max<int64_t>(n, 1));
  queue.pool->parallel_ranges(p.batch * p.heads * n, smallest, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t i = begin; i < end; ++i) p.row_entropies[i] = RowEntropy(p.maps + i * n, n);
  });
  const auto heads = static_cast<size_t>(p.heads);
  const std::span entropies(reinterpret_cast<double*>(queue.scratch->shared(heads * sizeof(double))), heads);
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t h = 0; h < p.heads; ++h) {
      const float* const rows = p.row_entropies + (b * p.heads + h) * n;
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(rows[i]);
      entropies[static_cast<size_t>(h)] = sum;
    }
    for (int64_t h = 0; h < p.heads; ++h) {
      const double own = entropies[static_cast<size_t>(h)];
      const auto below = std::count_if(entropies.begin(), entropies.end(), [own](double e) { return e < own; });
      p.chosen[b * p.heads + h] = below < p.count ? 1 : 0;
    }
  }
  queue.pool->parallel_ranges(p.batch * n, smallest, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t i = begin; i < end; ++i) {
      if (p.out_dtype == DType::kF32) {
        SumRow<float>(p, i / n, i % n);
      } else {
        SumRow<BFloat16>(p, i / n, i % n);
      }
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(ChooseHeads);

void choose_heads_cpu(const ChooseHeadsParams& p, CpuQueue queue) {
  check_params(p);
  check_cpu_dtype("choose_heads", p.out_dtype);
  if (p.batch * p.tokens == 0) return;
  HWY_DYNAMIC_DISPATCH(ChooseHeads)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
