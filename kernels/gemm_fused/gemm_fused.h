// y = epilogue(x · Wᵀ + bias) in one kernel, on tensor cores: what cuBLASLt's epilogues cannot, QuickGELU above all.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/check.h"
#include "kernels/cuda/queue.h"

namespace sclip {

enum class GemmEpilogue : uint8_t {
  kNone,
  kQuickGelu,  // z · σ(1.702 z)
  kGelu,       // the erf form
  kResidual,   // y += z
};

struct GemmFusedParams {
  const void* x = nullptr;                      // (M, k) in dtype, contiguous
  const void* weight = nullptr;                 // (n, k) in dtype, rows weight_stride elements apart
  const float* bias = nullptr;                  // (n) f32, or null
  void* y = nullptr;                            // (M, n) in output, contiguous
  DType dtype = DType::kF16;                    // kF16 or kBF16
  DType output = DType::kF16;                   // dtype, or kF32
  GemmEpilogue epilogue = GemmEpilogue::kNone;  // kResidual: output is kF32
  int64_t rows = 0;                             // M
  int64_t inputs = 0;                           // k
  int64_t outputs = 0;                          // n
  int64_t weight_stride = 0;
};

}  // namespace sclip
