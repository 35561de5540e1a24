// From labels of a window's pixels to scores that its patches have for each other (ResCLIP's feedback).
//
//   l_i    the most frequent label of patch i's P × P pixels, the smallest of several
//   V_ij   1 where l_i = l_j, else 0; times exp(−c / c_max) where the straight line from i to j leaves the label: c is
//          the distance in patches, the larger of the two axes' (Chebyshev's), c_max the largest of the grid
//   V      each row smoothed by a Gaussian along the patches' numbers (σ 5, 31 taps, or the least odd number ≥ h·w;
//          zeros outside), divided by its sum + 1e-8, and all by the largest entry of the window
//   bias   scale · f16(lambda · f16(V)) + ω between patches, ω alone in the class token's row and column
//
// The line is looked at in the first c + 1 of the c_max + 1 points of linspace(0, 1), in f32: start · (1 − t) + end ·
// t, each operation rounded, then to the nearest cell, halves to even. It ends before the patch it goes to unless c =
// c_max, and where c_max is even rounding decides about halves: that is the method as published. V is computed in
// double, so that nothing but its definition decides which way f16 rounds.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip {

inline constexpr double kAffinitySigma = 5;

struct LabelAffinityParams {
  const uint16_t* labels = nullptr;  // (batch, H, W); what of it fills no patch is not read
  const float* omega = nullptr;      // (N, N), N = 1 + h·w; or null: 0
  int32_t* patch_labels = nullptr;   // (batch, h·w) l
  double* affinity = nullptr;        // (batch, h·w, h·w) V before the last division
  double* largest = nullptr;         // (batch, h·w) the largest entry of each row of it
  float* bias = nullptr;             // (batch, N, N)
  int64_t batch = 1;
  int64_t height = 0, width = 0;   // H, W
  int64_t patch = 0;               // P ≤ 64
  int64_t grid_h = 0, grid_w = 0;  // h, w
  float lambda = 1.0f;             // 0 … 1
  float scale = 1.0f;              // > 0
};

constexpr int64_t affinity_taps(int64_t patches) {
  const int64_t taps = std::min<int64_t>(patches, 31);
  return taps + 1 - taps % 2;
}

// What both implementations ask of their arguments.
inline void check_params(const LabelAffinityParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.grid_h >= 1 && p.grid_w >= 1 && p.patch >= 1 && p.patch <= 64 &&
                  p.grid_h * p.patch <= p.height && p.grid_w * p.patch <= p.width && p.grid_h < (1 << 15) &&
                  p.grid_w < (1 << 15),
              kInvalidArgument, "label_affinity: ", p.batch, " windows of ", p.height, "×", p.width, " labels and ",
              p.grid_h, "×", p.grid_w, " patches of ", p.patch,
              "; the patches must lie in the window, and have at most 64×64 pixels");
  // Written so that NaN is refused.
  SCLIP_CHECK(p.lambda >= 0 && p.lambda <= 1 && p.scale > 0, kInvalidArgument, "label_affinity: lambda is ", p.lambda,
              ", which must be 0 … 1, and the scale ", p.scale, ", which must be positive");
  SCLIP_CHECK(p.batch == 0 || (p.labels != nullptr && p.patch_labels != nullptr && p.affinity != nullptr &&
                               p.largest != nullptr && p.bias != nullptr),
              kInvalidArgument, "label_affinity: labels and all that is computed of them must be given");
}

void label_affinity_cpu(const LabelAffinityParams& params, CpuQueue queue);
void label_affinity_cuda(const LabelAffinityParams& params, CudaQueue queue);

namespace ref {
void label_affinity(const LabelAffinityParams& params);
}

}  // namespace sclip
