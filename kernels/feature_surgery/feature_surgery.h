// Feature surgery (CLIP Surgery): what a window's class token says of the words decides how much each counts at its
// patches, and what all words have in common is taken off.
//
//   p = softmax_t(sharpness · c),   w_t = T · p_t        c: the class token's cosines with the T words
//   y_t = w_t · x_t − mean_u(w_u · x_u)                  x: a patch's cosines
//
// w is the probability in units of their mean, 1/T.
#pragma once

#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip {

struct FeatureSurgeryParams {
  const float* window_scores = nullptr;  // c (batch, T)
  float* scores = nullptr;               // x (batch, rows, T) becomes y; no overlap with window_scores
  int64_t batch = 0;
  int64_t rows = 0;   // patches of a window
  int64_t words = 0;  // T ≥ 1
  float sharpness = 2.0f;
};

// What all implementations ask of their arguments.
inline void check_params(const FeatureSurgeryParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.rows >= 0 && p.words >= 1, kInvalidArgument, "feature_surgery: ", p.batch, " × ",
              p.rows, " rows of ", p.words, " words");
  // Written so that NaN is refused.
  SCLIP_CHECK(p.sharpness >= 0, kInvalidArgument, "feature_surgery: sharpness is ", p.sharpness, ", below 0");
  SCLIP_CHECK(p.batch * p.rows == 0 || (p.window_scores != nullptr && p.scores != nullptr), kInvalidArgument,
              "feature_surgery: window_scores and scores must be given");
}

void feature_surgery_cpu(const FeatureSurgeryParams& params, CpuQueue queue);
void feature_surgery_cuda(const FeatureSurgeryParams& params, CudaQueue queue);

namespace ref {
void feature_surgery(const FeatureSurgeryParams& params);  // arithmetic in double
}

}  // namespace sclip
