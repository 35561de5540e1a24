#include <cmath>
#include <vector>

#include "kernels/gemm_fused/gemm_fused.h"

namespace sclip::ref {
namespace {

double apply(GemmEpilogue epilogue, double z, double residual) {
  switch (epilogue) {
    case GemmEpilogue::kNone: return z;
    case GemmEpilogue::kQuickGelu: return z / (1 + std::exp(-1.702 * z));
    case GemmEpilogue::kGelu: return z * 0.5 * std::erfc(-z * std::sqrt(0.5));
    case GemmEpilogue::kResidual: return residual + z;
  }
  fail(ErrorCode::kInternal, "gemm_fused has no epilogue ", static_cast<int>(epilogue));
}

}  // namespace

void gemm_fused(const GemmFusedParams& p) {
  SCLIP_CHECK(p.output == DType::kF32, kInvalidArgument, "the oracle of gemm_fused writes F32, not ",
              to_string(p.output));
  const auto count = [](int64_t n) { return static_cast<size_t>(n); };
  std::vector<float> x(count(p.rows * p.inputs)), row(count(p.inputs));
  std::vector<double> weight(count(p.outputs * p.inputs));
  convert_to_f32(p.dtype, p.x, x.data(), x.size());
  for (int64_t n = 0; n < p.outputs; ++n) {
    convert_to_f32(p.dtype, static_cast<const char*>(p.weight) + n * p.weight_stride * 2, row.data(), row.size());
    for (int64_t k = 0; k < p.inputs; ++k) weight[count(n * p.inputs + k)] = static_cast<double>(row[count(k)]);
  }
  auto* y = static_cast<float*>(p.y);
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t n = 0; n < p.outputs; ++n) {
      double z = p.bias != nullptr ? static_cast<double>(p.bias[n]) : 0;
      for (int64_t k = 0; k < p.inputs; ++k) {
        z += static_cast<double>(x[count(r * p.inputs + k)]) * weight[count(n * p.inputs + k)];
      }
      float& to = y[r * p.outputs + n];
      to = static_cast<float>(apply(p.epilogue, z, static_cast<double>(to)));
    }
  }
}

}  // namespace sclip::ref
