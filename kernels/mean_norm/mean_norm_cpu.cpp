// A window is one work item: its rows are summed in their order by one thread, so that the number depends on neither
// threads nor company. 150,000 multiply-adds for 197 rows of 768, a thousandth of the block it stands in. Bound by the
// loads, from L2.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/mean_norm/mean_norm_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "kernels/mean_norm/mean_norm.h"
#include "kernels/simd/layernorm_row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

template <typename In>
void MeanNorms(const MeanNormParams& p, CpuQueue queue) {
  queue.pool->parallel_ranges(p.batch, 1, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t b = begin; b < end; ++b) {
      const auto* x = static_cast<const In*>(p.x) + b * p.x_stride;
      double sum = 0;
      for (int64_t r = 0; r < p.rows; ++r, x += p.cols) {
        sum += std::sqrt(RowSum(p.cols, [x](auto d, int64_t c) HWY_ATTR {
          const auto value = LoadFloat(d, x + c);
          return hn::Mul(value, value);
        }));
      }
      p.out[b] = static_cast<float>(sum / static_cast<double>(p.rows));
    }
  });
}

void MeanNorm(const MeanNormParams& p, CpuQueue queue) {
  if (p.dtype == DType::kBF16) {
    MeanNorms<BFloat16>(p, queue);
  } else {
    MeanNorms<float>(p, queue);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(MeanNorm);

void mean_norm_cpu(const MeanNormParams& p, CpuQueue queue) {
  check_params(p);
  check_cpu_dtype("mean_norm", p.dtype);
  HWY_DYNAMIC_DISPATCH(MeanNorm)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
