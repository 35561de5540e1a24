// The softmax's running state of a vector of pixels, fed with one query after another: what window_merge and
// label_planes share, so that their labels and scores are equal to the last bit. Inside Highway's foreach_target.

// Once a target: Highway includes this file again for each.
#if defined(SCLIP_KERNELS_LABEL_PLANES_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_LABEL_PLANES_SOFTMAX_INL_H_
#undef SCLIP_KERNELS_LABEL_PLANES_SOFTMAX_INL_H_
#else
#define SCLIP_KERNELS_LABEL_PLANES_SOFTMAX_INL_H_
#endif

#include <limits>

#include "hwy/highway.h"
#include "kernels/label_planes/label_state.h"
#include "kernels/simd/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

// Logits are cosines; `scale` is exponent_scale: p ∝ 2^(scale · logit).
template <class D>
struct RunningSoftmax {
  hwy::HWY_NAMESPACE::Vec<D> reference, best, sum;
  hwy::HWY_NAMESPACE::Vec<hwy::HWY_NAMESPACE::RebindToSigned<D>> label;
};

template <class D, class V>
HWY_INLINE void StartSoftmax(D d, V x, V scale, int32_t query_class, RunningSoftmax<D>& s) {
  namespace hn = hwy::HWY_NAMESPACE;
  s.reference = hn::Mul(scale, x);
  s.best = x;
  s.label = hn::Set(hn::RebindToSigned<D>(), query_class);
  s.sum = FastExp2(d, hn::MulSub(scale, x, s.reference));
}

// kNarrow: no exponent can leave ± kReferenceRange. It spares checks, and changes no bit.
template <bool kNarrow, class D, class V>
HWY_INLINE void AddToSoftmax(D d, V x, V scale, int32_t query_class, RunningSoftmax<D>& s) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> di;
  const auto better = hn::Gt(x, s.best);
  s.best = hn::IfThenElse(better, x, s.best);
  s.label = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, query_class), s.label);
  auto exponent = hn::MulSub(scale, x, s.reference);
  if constexpr (kNarrow) {
    s.sum = AddExp2InRange(d, exponent, s.sum);
  } else {
    const auto ahead = hn::Gt(exponent, hn::Set(d, kReferenceRange));
    if (!hn::AllFalse(d, ahead)) {
      s.sum = hn::IfThenElse(ahead, hn::Mul(s.sum, FastExp2(d, hn::Neg(exponent))), s.sum);
      s.reference = hn::IfThenElse(ahead, hn::Mul(scale, x), s.reference);
      exponent = hn::MulSub(scale, x, s.reference);
    }
    s.sum = hn::Add(s.sum, FastExp2(d, exponent));
  }
}

// The probability of the best query.
template <class D>
HWY_INLINE auto BestScore(D d, hwy::HWY_NAMESPACE::Vec<D> scale, const RunningSoftmax<D>& s) {
  namespace hn = hwy::HWY_NAMESPACE;
  return hn::Div(FastExp2(d, hn::MulSub(scale, s.best, s.reference)), s.sum);
}

// That of another query, from the score and the logit of the best.
template <class D, class V>
HWY_INLINE V ScoreOf(D d, V x, V scale, V best, V score) {
  namespace hn = hwy::HWY_NAMESPACE;
  return hn::Mul(score, FastExp2(d, hn::MulSub(scale, x, hn::Mul(scale, best))));
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
