// How logits become labels, whichever kernel does it: window_merge straight from the windows, label_planes from planes.
//
//   p[k]  softmax over the K queries of logit_scale · U
//   s[q]  maximum of p over the queries of class q; not renormalised; 0 for a class without queries
//   area filter: s[q ≠ 0] = 0 unless class q is the argmax of s on more than
//         area_threshold · (pixels whose argmax is not 0) pixels
//   score = max s; label = argmax s, the lowest on ties, and low_label where score < prob_threshold
// A score below 2^-126 is 0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numbers>
#include <optional>

#include "core/dtype.h"
#include "sclip/error.h"

namespace sclip {

struct LabelRule {
  int64_t queries = 0;                       // K ≥ 1
  int64_t classes = 0;                       // Q ≤ 65,536, and ≤ 256 when labels are u8
  const int32_t* query_class = nullptr;      // (K) ascending, each in [0, Q)
  float logit_scale = 1.0f;                  // > 0, at most 1e6
  float prob_threshold = 0.0f;               // 0: off
  std::optional<float> area_threshold = {};  // none: off
  std::optional<int32_t> low_label = {};     // no class's: Q … 65,535, and ≤ 255 when labels are u8; none: class 0
};

// Labels that are counted: the classes, and behind them low_label where it is given.
inline int64_t label_slots(const LabelRule& rule) {
  return rule.classes + (rule.low_label ? 1 : 0);
}

struct LabelStatistics {
  int64_t pixels = 0;    // with the label, after the filter and the threshold
  double score_sum = 0;  // of their scores, each rounded to a multiple of 2^-30
  float max_score = 0;   // 0 when there are none
};

// None overlaps another or an input; no alignment beyond that of the elements is asked for.
struct LabelOutputs {
  void* labels = nullptr;                 // (H0, W0) in label_dtype
  DType label_dtype = DType::kU16;        // kU8 or kU16
  float* scores = nullptr;                // (H0, W0); window_merge: or null
  LabelStatistics* statistics = nullptr;  // (label_slots), or null
};

// The checks that need none of the arrays' contents. `kernel` opens the sentences.
inline void check_params(const char* kernel, const LabelRule& rule, const LabelOutputs& out, bool with_scores) {
  SCLIP_CHECK(rule.queries >= 1, kInvalidArgument, kernel, ": no queries; give at least one class name");
  SCLIP_CHECK(rule.query_class != nullptr && out.labels != nullptr && (out.scores != nullptr || !with_scores),
              kInvalidArgument, kernel, ": query classes, labels", with_scores ? " and scores" : "", " must be given");
  SCLIP_CHECK(out.label_dtype == DType::kU8 || out.label_dtype == DType::kU16, kInvalidArgument, kernel,
              " writes labels as U8 or U16, not ", to_string(out.label_dtype));
  const int64_t most = out.label_dtype == DType::kU8 ? 256 : 65536;
  SCLIP_CHECK(rule.classes >= 1 && rule.classes <= most, kInvalidArgument, kernel, ": ", rule.classes,
              " classes do not fit labels of type ", to_string(out.label_dtype), ", which hold ", most);
  const int64_t low = rule.low_label.value_or(static_cast<int32_t>(rule.classes));
  SCLIP_CHECK(low >= rule.classes && (low < most || !rule.low_label), kInvalidArgument, kernel, ": ", low,
              " as the label of pixels below the threshold; it must be none of the ", rule.classes,
              " classes and at most ", most - 1);
  SCLIP_CHECK(rule.logit_scale > 0 && rule.logit_scale <= 1e6f, kInvalidArgument, kernel, ": logit_scale is ",
              rule.logit_scale, "; it must be above 0 and at most 1e6");
}

// A logit whose magnitude is above this, or NaN, is refused. Far above any cosine, and far below what a scaled logit's
// rounding could do harm at: 2^-24 of it is a factor of the reference, which must fit an exponent.
inline float logit_limit(const LabelRule& rule) {
  return 1e8f / std::max(rule.logit_scale, 1.0f);
}

// softmax(logit_scale · U) in base 2: 2^(exponent_scale · U).
inline float exponent_scale(const LabelRule& rule) {
  return rule.logit_scale * std::numbers::log2e_v<float>;
}

}  // namespace sclip
