// One pass over rows; threads get ranges of them. Bound by memory: a product and a multiply-add for 8 or 12 bytes.
#include <algorithm>

#include "kernels/add_rows/add_rows.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/add_rows/add_rows_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

void AddRows(const AddRowsParams& p, CpuQueue queue) {
  constexpr int64_t kElements = 1 << 13;  // less is not worth a second thread
  const int64_t smallest = std::max<int64_t>(1, kElements / p.cols);
  queue.pool->parallel_ranges(p.batch * p.rows, smallest, [&](int64_t begin, int64_t end) HWY_ATTR {
    const hn::ScalableTag<float> d;
    const hn::CappedTag<float, 1> one;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / p.rows, r = i % p.rows;
      const float* HWY_RESTRICT x = p.x + b * p.x_stride + (p.broadcast ? 0 : r * p.cols);
      float* HWY_RESTRICT y = p.y + b * p.y_stride + r * p.cols;
      const auto element = [&](auto tag, int64_t c) HWY_ATTR {
        auto sum = hn::Mul(hn::Set(tag, p.x_weight), hn::LoadU(tag, x + c));
        if (p.y_weight != 0) sum = hn::MulAdd(hn::Set(tag, p.y_weight), hn::LoadU(tag, y + c), sum);
        hn::StoreU(sum, tag, y + c);
      };
      int64_t c = 0;
      for (; c + lanes <= p.cols; c += lanes) element(d, c);
      for (; c < p.cols; ++c) element(one, c);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(AddRows);

void add_rows_cpu(const AddRowsParams& p, CpuQueue queue) {
  check_params(p);
  HWY_DYNAMIC_DISPATCH(AddRows)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
