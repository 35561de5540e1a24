// Two passes over the patches of all windows: a patch is read twice, for its least channel and the sum above that, from
// L1 the second time, and a sink's nine neighbours once more; then the sinks' rows are copied back. Bound by memory:
// 4·C bytes a patch.
#include <algorithm>
#include <cstring>

#include "kernels/soften_sinks/soften_sinks.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/soften_sinks/soften_sinks_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

float Least(const float* x, int64_t cols) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  float out = x[0];
  int64_t c = 0;
  if (cols >= lanes) {
    auto least = hn::LoadU(d, x);
    for (; c + lanes <= cols; c += lanes) least = hn::Min(least, hn::LoadU(d, x + c));
    out = hn::GetLane(hn::MinOfLanes(d, least));
  }
  for (; c < cols; ++c) out = std::min(out, x[c]);
  return out;
}

float SumAbove(const float* x, int64_t cols, float least) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto base = hn::Set(d, least);
  auto s0 = hn::Zero(d), s1 = hn::Zero(d);  // two, to hide the latency of the additions
  int64_t c = 0;
  for (; c + 2 * lanes <= cols; c += 2 * lanes) {
    s0 = hn::Add(s0, hn::Sub(hn::LoadU(d, x + c), base));
    s1 = hn::Add(s1, hn::Sub(hn::LoadU(d, x + c + lanes), base));
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  for (; c < cols; ++c) sum += x[c] - least;
  return sum;
}

bool IsSink(const SoftenSinksParams& p, const float* x) {
  const float least = Least(x, p.cols), sum = SumAbove(x, p.cols, least);
  float most = 0;
  for (int64_t n = 0; n < p.channel_count; ++n) most = std::max(most, x[p.channels[static_cast<size_t>(n)]] - least);
  return most / std::max(sum, 1e-8f) > p.share / static_cast<float>(p.cols);
}

// Patch i of a window's grid `x`.
void SoftenPatch(const SoftenSinksParams& p, const float* x, int64_t i, float* out) {
  const int64_t row = i / p.grid_w, column = i % p.grid_w;
  const int64_t top = std::max<int64_t>(row - 1, 0), bottom = std::min(row + 1, p.grid_h - 1);
  const int64_t left = std::max<int64_t>(column - 1, 0), right = std::min(column + 1, p.grid_w - 1);
  const auto soften = [&](auto d, int64_t c) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (int64_t y = top; y <= bottom; ++y) {
      for (int64_t z = left; z <= right; ++z) sum = hn::Add(sum, hn::LoadU(d, x + (y * p.grid_w + z) * p.cols + c));
    }
    const auto own = hn::Mul(hn::Set(d, kSinkOwn), hn::LoadU(d, x + i * p.cols + c));
    hn::StoreU(hn::MulAdd(hn::Set(d, kSinkMean / 9), sum, own), d, out + c);
  };
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= p.cols; c += lanes) soften(d, c);
  const hn::CappedTag<float, 1> one;
  for (; c < p.cols; ++c) soften(one, c);
}

void SoftenSinks(const SoftenSinksParams& p, const CpuQueue& queue) {
  const int64_t patches = p.grid_h * p.grid_w;
  constexpr int64_t kElements = 1 << 13;  // less is not worth a second thread
  const int64_t smallest = std::max<int64_t>(1, kElements / p.cols);
  queue.pool->parallel_ranges(p.batch * patches, smallest, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* x = p.x + i / patches * p.x_stride;
      const bool sink = IsSink(p, x + i % patches * p.cols);
      p.sinks[i] = sink ? 1 : 0;
      if (sink) SoftenPatch(p, x, i % patches, p.softened + i * p.cols);
    }
  });
  queue.pool->parallel_ranges(p.batch * patches, smallest, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (p.sinks[i] == 0) continue;
      std::memcpy(p.x + i / patches * p.x_stride + i % patches * p.cols, p.softened + i * p.cols,
                  static_cast<size_t>(p.cols) * sizeof(float));
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(SoftenSinks);

void soften_sinks_cpu(const SoftenSinksParams& p, CpuQueue queue) {
  check_params(p);
  HWY_DYNAMIC_DISPATCH(SoftenSinks)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
