// What the kernels' checks of their arguments share.
#pragma once

#include "core/dtype.h"
#include "sclip/error.h"

namespace sclip {

// Elements that some backend computes with.
inline void check_float_dtype(const char* kernel, DType dtype) {
  SCLIP_CHECK(dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16, kInvalidArgument, kernel,
              " takes F32, F16 or BF16, not ", to_string(dtype));
}
// Those that the CPU's kernels are written for, besides.
inline void check_cpu_dtype(const char* kernel, DType dtype) {
  SCLIP_CHECK(dtype == DType::kF32 || dtype == DType::kBF16, kUnsupported, kernel,
              " on the CPU takes F32 or BF16, not ", to_string(dtype));
}

}  // namespace sclip
