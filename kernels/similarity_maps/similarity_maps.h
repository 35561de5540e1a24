// Two maps that read-outs make of the cosines S between the patches of a window:
//
//   rows       S⁺_ij = S_ij where S_ij ≥ threshold, else 0;  rows_ij = S⁺_ij / (Σ_j S⁺_ij + 10⁻⁶):
//              each patch as a mixture of those that are like it
//   attention  softmax over j of M_ij = scale · (S_ij − mean), where mean is that of all n² entries of the window, and
//              entries below it are hidden (M = −∞); with `of_kept`, S⁺ in the place of S
//
// |S_ij − mean| < 10⁻⁶ counts as 0: where all rows are equal, S is 1 up to rounding, and the sign of what is left of it
// would decide. A row that has no entry left, which only a row of zeros can be, attends to itself.
#pragma once

#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip {

inline constexpr float kSimilarityRowEps = 1e-6f;  // added to a row's sum
inline constexpr float kSimilarityIsMean = 1e-6f;  // as near to the mean as this is the mean

struct SimilarityMapsParams {
  const float* x = nullptr;    // (batch, n, n): S
  float* sums = nullptr;       // (batch, n): of each row of what the mean is of; null without `attention`
  float* rows = nullptr;       // (batch, n, n), may be x itself; or null
  float* attention = nullptr;  // (batch, n, n), overlaps nothing; or null
  int64_t batch = 1;
  int64_t patches = 0;  // n
  float threshold = 0.4f;
  float scale = 3.0f;    // > 0
  bool of_kept = false;  // attention is made of S⁺
};

// What both implementations ask of their arguments.
inline void check_params(const SimilarityMapsParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.patches >= 0, kInvalidArgument, "similarity_maps: ", p.batch, " × ", p.patches,
              " patches");
  // Written so that NaN is refused.
  SCLIP_CHECK(p.scale > 0 && p.threshold >= -2 && p.threshold <= 2, kInvalidArgument, "similarity_maps: the scale ",
              p.scale, " is not positive, or the threshold ", p.threshold, " is none of a cosine");
  SCLIP_CHECK(p.batch * p.patches == 0 || (p.x != nullptr && (p.rows != nullptr || p.attention != nullptr)),
              kInvalidArgument, "similarity_maps: x and one of rows and attention must be given");
  SCLIP_CHECK(p.attention == nullptr || (p.sums != nullptr && p.attention != p.x && p.attention != p.rows),
              kInvalidArgument, "similarity_maps: attention needs sums, and an array of its own");
}

void similarity_maps_cpu(const SimilarityMapsParams& params, CpuQueue queue);
void similarity_maps_cuda(const SimilarityMapsParams& params, CudaQueue queue);

namespace ref {
void similarity_maps(const SimilarityMapsParams& params);
}

}  // namespace sclip
