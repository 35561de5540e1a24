// Quotients of doubles without a division, which is a call that takes a stack.
#pragma once

namespace sclip::cuda {

// 1 / x of a normal x in the range of f32, to the last bits: two steps of Newton's.
__device__ __forceinline__ double reciprocal(double x) {
  double r = static_cast<double>(__frcp_rn(static_cast<float>(x)));
  r = fma(r, fma(-x, r, 1.0), r);
  return fma(r, fma(-x, r, 1.0), r);
}

}  // namespace sclip::cuda
