// What the CUDA kernels of window_merge and label_planes share: the rule and the outputs, a pixel's running softmax,
// and how the scores of a removed class's pixels follow.
#pragma once

#include "kernels/cuda/exp2.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/label_planes/label_state.h"

namespace sclip::cuda {

constexpr int kStep = 8;  // queries that a softmax takes at once

struct Labelling {
  const int* query_class;
  int queries, classes;
  int low_label, slots;  // of low scores; label_slots
  float scale;           // exponent_scale
  float prob_threshold, area_threshold;
  void* labels;
  bool wide_labels;  // u16
  float* scores;
  LabelStatistics* statistics;
};

inline Labelling make_labelling(const LabelRule& rule, const LabelOutputs& out) {
  return {.query_class = rule.query_class,
          .queries = static_cast<int>(rule.queries),
          .classes = static_cast<int>(rule.classes),
          .low_label = rule.low_label.value_or(0),
          .slots = static_cast<int>(label_slots(rule)),
          .scale = exponent_scale(rule),
          .prob_threshold = rule.prob_threshold,
          .area_threshold = rule.area_threshold.value_or(0.0f),
          .labels = out.labels,
          .wide_labels = out.label_dtype == DType::kU16,
          .scores = out.scores,
          .statistics = out.statistics};
}

// In range, whatever the array holds.
__device__ __forceinline__ int class_of(const Labelling& l, int query) {
  return min(max(l.query_class[query], 0), l.classes - 1);
}

__device__ __forceinline__ void store_label(const Labelling& l, int64_t pixel, int label) {
  if (l.wide_labels) {
    static_cast<uint16_t*>(l.labels)[pixel] = static_cast<uint16_t>(label);
  } else {
    static_cast<uint8_t*>(l.labels)[pixel] = static_cast<uint8_t>(label);
  }
}

__device__ __forceinline__ int load_label(const Labelling& l, int64_t pixel) {
  return l.wide_labels ? static_cast<const uint16_t*>(l.labels)[pixel] : static_cast<const uint8_t*>(l.labels)[pixel];
}

// Where a label is counted; −1 stays.
__device__ __forceinline__ int slot_of(const Labelling& l, int label) {
  return min(label, l.classes);
}

__device__ __forceinline__ float max_of(const float (&x)[kStep]) {
  return fmaxf(fmaxf(fmaxf(x[0], x[1]), fmaxf(x[2], x[3])), fmaxf(fmaxf(x[4], x[5]), fmaxf(x[6], x[7])));
}

__device__ __forceinline__ int first_equal(const float (&x)[kStep], float value) {
  int first = 0;
#pragma unroll
  for (int j = kStep - 1; j >= 0; --j) first = x[j] == value ? j : first;
  return first;
}

// A pixel's state; logits are cosines. The order of the queries decides every bit, the steps they come in none. The
// intrinsics keep the compiler from fusing what one kernel might fuse and another not.
struct Softmax {
  float reference = 0, best = -INFINITY, sum = 0;
  int query = -1;  // the best one of those added here

  __device__ __forceinline__ void add(float x, int k, float scale) {
    if (k == 0) reference = __fmul_rn(scale, x);
    if (x > best) {
      const float ahead = fmaf(scale, x, -reference);
      if (ahead > kReferenceRange) {
        sum = __fmul_rn(sum, exp2_approx(-ahead));
        reference = __fmul_rn(scale, x);
      }
      best = x;
      query = k;
    }
    sum = __fadd_rn(sum, exp2_approx(fmaf(scale, x, -reference)));
  }

  // Queries k … k + 7. Past the last query x is −∞.
  __device__ __forceinline__ void add(const float (&x)[kStep], int k, float scale) {
    const float top = max_of(x);
    if (top > best) {
      if (k == 0) reference = __fmul_rn(scale, x[0]);
      if (fmaf(scale, top, -reference) > kReferenceRange) {
#pragma unroll
        for (int j = 0; j < kStep; ++j) add(x[j], k + j, scale);
        return;
      }
      best = top;
      query = k + first_equal(x, top);
    }
    float e[kStep];
#pragma unroll
    for (int j = 0; j < kStep; ++j) e[j] = exp2_approx(fmaf(scale, x[j], -reference));
#pragma unroll
    for (int j = 0; j < kStep; ++j) sum = __fadd_rn(sum, e[j]);
  }

  // The probability of the best query.
  __device__ __forceinline__ float score(float scale) const {
    return __fdiv_rn(exp2_approx(fmaf(scale, best, -reference)), sum);
  }
};

// The probability of the query with logit x, from that of the best; 0 where it is not a normal float.
__device__ __forceinline__ float score_of(float x, float best, float best_score, float scale) {
  const float score = __fmul_rn(best_score, exp2_approx(fmaf(scale, x, -__fmul_rn(scale, best))));
  return score < 0x1p-126f ? 0.0f : score;
}

}  // namespace sclip::cuda
