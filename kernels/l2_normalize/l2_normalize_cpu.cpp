// Two passes over a row that stays in L1: the sum of squares, then the quotients. Bound by memory.
#include <cmath>

#include <algorithm>

#include "kernels/l2_normalize/l2_normalize.h"
#include "sclip/error.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/l2_normalize/l2_normalize_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd/bf16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <typename In>
HWY_INLINE float SumOfSquares(const In* x, int64_t cols) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto s0 = hn::Zero(d), s1 = hn::Zero(d);  // two, to hide the latency of the additions
  int64_t c = 0;
  for (; c + 2 * lanes <= cols; c += 2 * lanes) {
    const auto a = LoadFloat(d, x + c);
    const auto b = LoadFloat(d, x + c + lanes);
    s0 = hn::MulAdd(a, a, s0);
    s1 = hn::MulAdd(b, b, s1);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  const hn::CappedTag<float, 1> one;
  for (; c < cols; ++c) {
    const float a = hn::GetLane(LoadFloat(one, x + c));
    sum += a * a;
  }
  return sum;
}

// For rows whose squares leave the range of f32.
template <typename In>
HWY_NOINLINE float NormInDouble(const In* x, int64_t cols) {
  const hn::CappedTag<float, 1> one;
  double sum = 0;
  for (int64_t c = 0; c < cols; ++c) {
    const double a = hn::GetLane(LoadFloat(one, x + c));
    sum += a * a;
  }
  return static_cast<float>(std::sqrt(sum));
}

template <typename In, typename Out>
void NormalizeRow(const In* x, Out* y, int64_t cols) {
  const float sum = SumOfSquares(x, cols);
  // Squares below 2^-126 lose digits; a sum of them may still be in range up to a few thousand columns.
  float norm = sum > 1e-30f && sum < 1e38f ? std::sqrt(sum) : NormInDouble(x, cols);
  if (norm == 0.0f) norm = 1.0f;
  const auto divide = [&](auto d, int64_t c)
                          HWY_ATTR { StoreFloat(d, hn::Div(LoadFloat(d, x + c), hn::Set(d, norm)), y + c); };
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= cols; c += lanes) divide(d, c);
  const hn::CappedTag<float, 1> one;
  for (; c < cols; ++c) divide(one, c);
}

template <typename In, typename Out>
void NormalizeRows(const L2NormalizeParams& p, CpuQueue queue) {
  const int64_t total = p.batch * p.rows;
  constexpr int64_t kElements = 1 << 13;  // less is not worth a second thread
  const int64_t smallest = std::max<int64_t>(1, kElements / std::max<int64_t>(1, p.cols));
  queue.pool->parallel_ranges(total, smallest, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / p.rows;
      const int64_t r = i % p.rows;
      NormalizeRow(static_cast<const In*>(p.x) + b * p.x_stride + r * p.cols,
                   static_cast<Out*>(p.y) + b * p.y_stride + r * p.cols, p.cols);
    }
  });
}

void L2Normalize(const L2NormalizeParams& p, CpuQueue queue) {
  const bool wide_x = p.x_dtype == DType::kF32;
  const bool wide_y = p.y_dtype == DType::kF32;
  if (wide_x && wide_y) NormalizeRows<float, float>(p, queue);
  if (wide_x && !wide_y) NormalizeRows<float, BFloat16>(p, queue);
  if (!wide_x && wide_y) NormalizeRows<BFloat16, float>(p, queue);
  if (!wide_x && !wide_y) NormalizeRows<BFloat16, BFloat16>(p, queue);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(L2Normalize);

void l2_normalize_cpu(const L2NormalizeParams& p, CpuQueue queue) {
  check_params(p);
  for (DType dtype : {p.x_dtype, p.y_dtype}) check_cpu_dtype("l2_normalize", dtype);
  HWY_DYNAMIC_DISPATCH(L2Normalize)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
