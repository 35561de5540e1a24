// 2^x in one instruction of the special-function unit: 2 ulp, and 0 for −∞ and for what would be below the normal
// floats.
#pragma once

namespace sclip::cuda {

__device__ __forceinline__ float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

}  // namespace sclip::cuda
