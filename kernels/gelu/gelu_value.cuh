// Both forms of GELU of one f32, for the kernels that end in them.
#pragma once

#include "kernels/cuda/exp2.cuh"
#include "kernels/gelu/gelu.h"

namespace sclip::cuda {

// 1 / x in one instruction: 1 ulp, and 0 for +∞ and for what would be below the normal floats.
__device__ __forceinline__ float reciprocal_approx(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

template <GeluForm kForm>
__device__ __forceinline__ float activate(float z) {
  if constexpr (kForm == GeluForm::kQuick) {
    return z * reciprocal_approx(1.0f + exp2_approx(-2.4554669f * z));  // 1.702 · log2(e); +∞ below: z · 0 = −0
  } else {
    return 0.5f * z * erfcf(-0.70710678f * z);
  }
}

}  // namespace sclip::cuda
