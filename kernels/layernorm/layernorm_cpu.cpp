// Three passes over a row that stays in L1: sum, squared deviations, output. Memory bound beyond L2:
// 4 bytes read and 4 (bf16: 2) written per element.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layernorm/layernorm_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/layernorm/layernorm.h"
#include "kernels/simd/layernorm_row-inl.h"
#include "sclip/error.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

template <typename Out>
void LayerNormRows(const LayerNormParams& p, CpuQueue queue) {
  const int64_t total = p.batch * p.rows;
  constexpr int64_t kElements = 1 << 13;  // less is not worth a second thread
  const int64_t smallest = std::max<int64_t>(1, kElements / std::max<int64_t>(1, p.cols));
  queue.pool->parallel_ranges(total, smallest, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / p.rows;
      const int64_t r = i % p.rows;
      LayerNormRow(p.x + b * p.x_stride + r * p.cols, p.gamma, p.beta,
                   static_cast<Out*>(p.y) + b * p.y_stride + r * p.cols, p.cols, p.eps);
    }
  });
}

void LayerNorm(const LayerNormParams& p, CpuQueue queue) {
  if (p.y_dtype == DType::kBF16) {
    LayerNormRows<BFloat16>(p, queue);
  } else {
    LayerNormRows<float>(p, queue);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(LayerNorm);

void layernorm_cpu(const LayerNormParams& p, CpuQueue queue) {
  check_params(p);
  check_cpu_dtype("layernorm", p.y_dtype);
  HWY_DYNAMIC_DISPATCH(LayerNorm)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
