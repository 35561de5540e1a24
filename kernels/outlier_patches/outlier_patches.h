// Patches that stand out among those of their window, and what is put in their place.
//
//   lof_scores      how far a patch lies from its neighbours against how far they lie from theirs:
//                   D_ij = ‖x_i − x_j‖², K_i the k nearest of i without itself (ties: the lower index), κ_i the k-th
//                   of their distances, score_i = κ_i · mean_{j ∈ K_i} 1/κ_j.
//                   SC-CLIP's code: the local outlier factor with max(D_ij, κ_i) for the reach, which is always κ_i.
//                   k is at most n − 1; a single patch scores 0. Where some κ of a window is 0, k + 1 patches being
//                   equal, the quotient means nothing and all of the window's scores are 0.
//   mark_patches    the mask: which patches' scores are above a quantile of the window's, or among the largest.
//   repair_patches  a marked patch becomes the mean of its neighbours in the grid, up to eight, that are not marked.
//
// A score that is NaN is nothing's outlier.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip {

struct LofScoresParams {
  const float* x = nullptr;    // (batch, n, C), rows contiguous
  float* distances = nullptr;  // (batch, n, n): D, squared
  float* radii = nullptr;      // (batch, n): κ
  float* scores = nullptr;     // (batch, n)
  int64_t batch = 1;
  int64_t rows = 0;      // n
  int64_t cols = 0;      // C ≥ 1
  int64_t x_stride = 0;  // floats from one window to the next in x; unused when batch = 1
  int64_t neighbours = 30;

  int64_t nearest() const { return std::min(neighbours, rows - 1); }  // k
};

struct MarkPatchesParams {
  const float* scores = nullptr;  // (batch, n)
  int64_t scores_stride = 0;      // from one window to the next
  // Patch p takes part only where score_factor · scores[p] > bars[p · bars_step]; null: all do.
  const float* bars = nullptr;
  int64_t bars_stride = 0, bars_step = 1;
  float score_factor = 1.0f;
  // Above the quantile, at quantile · (n − 1) of the sorted scores with linear interpolation; or, if `largest` > 0,
  // as many as that of the largest (ties: the lower index).
  double quantile = 0.95;
  int64_t largest = 0;
  int32_t* mask = nullptr;  // (batch, n): 1 for a marked patch, else 0
  int64_t batch = 1;
  int64_t rows = 0;  // n

  // A value lies above the interpolated quantile where it is greater than this many others and one more: the quantile
  // is less than the next of the sorted values, or equal to both.
  int64_t below_quantile() const { return static_cast<int64_t>(quantile * static_cast<double>(rows - 1) + 1e-9); }
};

struct RepairPatchesParams {
  float* x = nullptr;             // (batch, h·w, C), in place
  const int32_t* mask = nullptr;  // (batch, h·w)
  int64_t batch = 1;
  int64_t grid_h = 0, grid_w = 0;
  int64_t cols = 0;            // C ≥ 1
  int64_t x_stride = 0;        // floats from one window to the next in x; unused when batch = 1
  bool zero_if_alone = false;  // a marked patch with marked neighbours only becomes 0; else it stays
};

// What both implementations ask of their arguments.
inline void check_params(const LofScoresParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.rows >= 0 && p.cols >= 1 && p.neighbours >= 1, kInvalidArgument,
              "lof_scores: ", p.batch, " × ", p.rows, " rows of ", p.cols, " columns, ", p.neighbours, " neighbours");
  SCLIP_CHECK(p.batch <= 1 || p.x_stride >= 0, kInvalidArgument, "lof_scores: windows lie ", p.x_stride,
              " floats apart in x");
  SCLIP_CHECK(
      p.batch * p.rows == 0 || (p.x != nullptr && p.distances != nullptr && p.radii != nullptr && p.scores != nullptr),
      kInvalidArgument, "lof_scores: x, distances, radii and scores must be given");
}

inline void check_params(const MarkPatchesParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.rows >= 0 && p.largest >= 0, kInvalidArgument, "mark_patches: ", p.batch, " × ", p.rows,
              " patches, the ", p.largest, " largest");
  // Written so that NaN is refused.
  SCLIP_CHECK(p.quantile >= 0 && p.quantile <= 1, kInvalidArgument, "mark_patches: the quantile ", p.quantile,
              " is not between 0 and 1");
  SCLIP_CHECK(p.batch * p.rows == 0 || (p.scores != nullptr && p.mask != nullptr), kInvalidArgument,
              "mark_patches: scores and mask must be given");
  SCLIP_CHECK(p.scores_stride >= 0 && p.bars_stride >= 0 && p.bars_step >= 0, kInvalidArgument,
              "mark_patches: strides of ", p.scores_stride, ", ", p.bars_stride, " and ", p.bars_step, " are negative");
}

inline void check_params(const RepairPatchesParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.grid_h >= 0 && p.grid_w >= 0 && p.cols >= 1, kInvalidArgument,
              "repair_patches: ", p.batch, " grids of ", p.grid_w, "×", p.grid_h, " rows of ", p.cols, " columns");
  const int64_t rows = p.grid_h * p.grid_w;
  SCLIP_CHECK(p.batch * rows == 0 || (p.x != nullptr && p.mask != nullptr), kInvalidArgument,
              "repair_patches: x and mask must be given");
  SCLIP_CHECK(p.batch <= 1 || p.x_stride >= rows * p.cols, kInvalidArgument, "repair_patches: windows of ", rows, " × ",
              p.cols, " would overlap in x, where they are ", p.x_stride, " floats apart");
}

void lof_scores_cpu(const LofScoresParams& params, CpuQueue queue);
void lof_scores_cuda(const LofScoresParams& params, CudaQueue queue);
void mark_patches_cpu(const MarkPatchesParams& params, CpuQueue queue);
void mark_patches_cuda(const MarkPatchesParams& params, CudaQueue queue);
void repair_patches_cpu(const RepairPatchesParams& params, CpuQueue queue);
void repair_patches_cuda(const RepairPatchesParams& params, CudaQueue queue);

namespace ref {
void lof_scores(const LofScoresParams& params);
void mark_patches(const MarkPatchesParams& params);
void repair_patches(const RepairPatchesParams& params);
}  // namespace ref

}  // namespace sclip
