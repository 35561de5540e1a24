// GEM: the mean of the self-attentions of values, keys and queries, each sharpened by one step on itself first.
//
//   t = mean over tokens of ‖ln_1(x)‖ · τ            a window's, or fixed: option `t`
//   s = unit(s);  s = unit(softmax(t · s·sᵀ) · s);  A_s = softmax(t · s·sᵀ)          for s = q, k, v
//   out = ⅓ (A_q + A_k + A_v) · v
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

MakeDenseHead gem();

}  // namespace sclip
