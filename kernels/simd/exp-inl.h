// Vectorised exp and 2^x for softmaxes: x ≤ 0 in f32, inside Highway's foreach_target.
//
// Method: exp(x) = 2^n · exp(r), n = rint(x / ln 2), |r| ≤ ln 2 / 2, exp(r) ≈ 1 + r + r²·q(r).
// Error of each step for −87.3 ≤ x ≤ 0, in units of 2^-24 relative (the smallest an ulp can be):
//   q of degree 4, interpolated in Chebyshev nodes       8e-9 relative                  0.13
//   q's coefficients and evaluation in f32               r²·q ≤ 0.06, few roundings     0.2
//   r, its tail n·ln 2 taken off in two parts            half an ulp of r < ½           0.25
//   1 + (r + r²·q): the inner sum, then the outer        ½ ulp below ½, ½ ulp below 1   0.25 + 0.5
//   · 2^n                                                exact                          0
// Together < 1.4 ulp; a run over every third float found at most 1.07 (exp_test.cpp keeps a sample and asks for 2).
// Below −87.3, where the result would leave the normal floats, it is exactly 0. NaN stays NaN.
// exp(0) is exactly 1. For 0 < x ≤ 88 the formula holds too; beyond that it does not.

// Once a target: Highway includes this file again for each.
#if defined(SCLIP_KERNELS_SIMD_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_SIMD_EXP_INL_H_
#undef SCLIP_KERNELS_SIMD_EXP_INL_H_
#else
#define SCLIP_KERNELS_SIMD_EXP_INL_H_
#endif

#include "hwy/highway.h"

#include <numbers>

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

template <class D, class V>
HWY_INLINE V FastExp(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<D> du;
  // Adding 1.5·2^23 rounds to an integer held in the low mantissa bits; the 127 more make it a biased exponent.
  const V shift = hn::Set(d, 12582912.0f + 127.0f);
  const V biased = hn::MulAdd(x, hn::Set(d, std::numbers::log2e_v<float>), shift);
  const V n = hn::Sub(biased, shift);
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);  // 9 significant bits: the product is exact without FMA too
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);

  V q = hn::MulAdd(r, hn::Set(d, 1.3926213e-3f), hn::Set(d, 8.3632030e-3f));
  q = hn::MulAdd(r, q, hn::Set(d, 4.1666554e-2f));
  q = hn::MulAdd(r, q, hn::Set(d, 0.16666577f));
  q = hn::MulAdd(r, q, hn::Set(d, 0.5f));
  const V e = hn::Add(hn::MulAdd(hn::Mul(r, r), q, r), hn::Set(d, 1.0f));

  // A product, not an addition to e's exponent bits: NaN must survive it.
  const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, biased)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.3f)), hn::Mul(e, power));
}

// 2^x, the cheaper choice where the base is free (fold log2 e into a scale): no second part of ln 2. In parts: 2^r for
// r = x − n with n = rint(x), and n, biased as an exponent is, in the low bits of a float. A minimax polynomial of
// degree 5 whose value at 0 is exactly 1: 9.2e-8 relative, 2.4 ulp in all.
template <class V>
struct Exp2Parts {
  V mantissa, shifted;
};
template <class D, class V>
HWY_INLINE Exp2Parts<V> Exp2InParts(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V shift = hn::Set(d, 12582912.0f + 127.0f);
  const V shifted = hn::Add(x, shift);
  const V r = hn::Sub(x, hn::Sub(shifted, shift));
  V p = hn::MulAdd(r, hn::Set(d, 1.3264592e-3f), hn::Set(d, 9.6716203e-3f));
  p = hn::MulAdd(r, p, hn::Set(d, 5.5507350e-2f));
  p = hn::MulAdd(r, p, hn::Set(d, 0.24022240f));
  p = hn::MulAdd(r, p, hn::Set(d, 0.69314698f));
  p = hn::MulAdd(r, p, hn::Set(d, 1.0f));
  return {p, shifted};
}

// sum + 2^x for −126 ≤ x ≤ 127, in one multiply-add at the end: the product is exact, so nothing is lost or gained.
template <class D, class V>
HWY_INLINE V AddExp2InRange(D d, V x, V sum) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<D> du;
  const Exp2Parts<V> e = Exp2InParts(d, x);
  return hn::MulAdd(e.mantissa, hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, e.shifted))), sum);
}

// 2^x for x ≤ 127, and 0 below −126; added to a sum it gives the bits of AddExp2InRange. NaN stays NaN: a
// product, not an addition to the exponent's bits.
template <class D, class V>
HWY_INLINE V FastExp2(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<D> du;
  const Exp2Parts<V> e = Exp2InParts(d, x);
  const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, e.shifted)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -126.0f)), hn::Mul(e.mantissa, power));
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
