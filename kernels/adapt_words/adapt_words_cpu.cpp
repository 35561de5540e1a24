// One (window, cluster) is one work item: the column of its best query is looked through for two patches, the new word
// is made in the worker's memory, and every patch is multiplied with it; then rows of cosines in parallel. The features
// of a window (400 KB for 196 patches of 512) stay in L2 while its clusters pass. Limit: 2·P·E multiplications a
// cluster. Sums do not depend on the number of threads.
#include <cmath>

#include <algorithm>
#include <cstddef>

#include "kernels/adapt_words/adapt_words.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adapt_words/adapt_words_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

float Dot(const float* a, const float* b, int64_t count) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto s0 = hn::Zero(d), s1 = hn::Zero(d);  // two, to hide the latency of the additions
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    s0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
    s1 = hn::MulAdd(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes), s1);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

float InverseNorm(const float* x, int64_t count) {
  return 1.0f / std::max(std::sqrt(Dot(x, x, count)), 1e-12f);
}

// The two largest of a column, the lowest of several first.
struct Nearest {
  int64_t first = -1, second = -1;
};
Nearest FindNearest(const float* column, int64_t patches, int64_t stride) {
  Nearest out;
  for (int64_t i = 0; i < patches; ++i) {
    const float value = column[i * stride];
    if (out.first < 0 || value > column[out.first * stride]) {
      out = {i, out.first};
    } else if (out.second < 0 || value > column[out.second * stride]) {
      out.second = i;
    }
  }
  return out;
}

void AdaptCluster(const AdaptWordsParams& p, int64_t window, int64_t cluster, float* word) {
  const float* features = p.features + window * p.patches * p.embed_dim;
  const float* fit = p.fit + window * p.fit_stride;
  int64_t k = p.members[p.begins[cluster]];
  for (int64_t i = p.begins[cluster] + 1; i < p.begins[cluster + 1]; ++i) {
    if (fit[p.members[i]] > fit[k]) k = p.members[i];
  }
  float* column = p.cosines + window * p.patches * p.queries + k;
  const Nearest nearest = FindNearest(column, p.patches, p.queries);
  const float* a = features + nearest.first * p.embed_dim;
  const float* b = nearest.second >= 0 ? features + nearest.second * p.embed_dim : nullptr;
  for (int64_t i = 0; i < p.embed_dim; ++i) word[i] = b != nullptr ? a[i] + b[i] : a[i];
  const float scale = p.alpha * InverseNorm(word, p.embed_dim);
  const float* t = p.words + k * p.embed_dim;
  for (int64_t i = 0; i < p.embed_dim; ++i) word[i] = (1 - p.alpha) * t[i] + scale * word[i];
  const float norm = InverseNorm(word, p.embed_dim);
  for (int64_t n = 0; n < p.patches; ++n) {
    column[n * p.queries] = norm * Dot(features + n * p.embed_dim, word, p.embed_dim);
  }
}

void AdaptWords(const AdaptWordsParams& p, const CpuQueue& queue) {
  if (p.alpha > 0) {
    queue.scratch->reserve_workers(queue.pool->threads_here(), static_cast<size_t>(p.embed_dim) * sizeof(float));
    queue.pool->parallel_for_workers(p.batch * p.clusters, [&](int worker, int64_t item) {
      AdaptCluster(p, item / p.clusters, item % p.clusters, reinterpret_cast<float*>(queue.scratch->worker(worker)));
    });
  }
  if (p.weight == 0) return;
  constexpr int64_t kElements = 1 << 14;  // less is not worth a second thread
  const int64_t smallest = std::max<int64_t>(1, kElements / p.queries);
  queue.pool->parallel_ranges(p.batch * p.patches, smallest, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* fit = p.fit + i / p.patches * p.fit_stride;
      float* row = p.cosines + i * p.queries;
      for (int64_t k = 0; k < p.queries; ++k) row[k] = (1 - p.weight) * row[k] + p.weight * fit[k];
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(AdaptWords);

void adapt_words_cpu(const AdaptWordsParams& p, CpuQueue queue) {
  check_params(p);
  HWY_DYNAMIC_DISPATCH(AdaptWords)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
