// Softens sink patches: those in which one of a few known channels stands out above all the rest of the row.
//
//   f'   = (f − min_c f) / max(Σ_c (f − min_c f), 1e-8)                of a patch f of the grid
//   sink   iff max over the listed channels of f' > share / C
//   f    ← 0.6 · f + 0.4 · a of a sink, a the mean of its 3 × 3 neighbourhood, itself included: patches outside the
//   grid
//          are zeros, and it is always divided by 9. Neighbours count as they were before.
//
// In place: what sinks become is written beside them first. Other patches keep their bits.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip {

inline constexpr int64_t kMostSinkChannels = 16;
inline constexpr float kSinkOwn = 0.6f, kSinkMean = 0.4f;  // what a sink keeps, and takes from around it

struct SoftenSinksParams {
  float* x = nullptr;         // (batch, h·w, C), windows x_stride floats apart
  float* softened = nullptr;  // (batch, h·w, C): rows of sinks are written, others left; no overlap with x
  int32_t* sinks = nullptr;   // (batch, h·w): 1 for a sink, else 0
  int64_t batch = 1;
  int64_t grid_h = 0, grid_w = 0;  // h, w
  int64_t cols = 0;                // C
  int64_t x_stride = 0;            // unused when batch = 1
  std::array<int32_t, kMostSinkChannels> channels{};
  int64_t channel_count = 0;  // ≥ 1
  float share = 5.0f;         // > 0
};

// What both implementations ask of their arguments.
inline void check_params(const SoftenSinksParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.grid_h >= 1 && p.grid_w >= 1 && p.cols >= 1 && p.grid_w < (int64_t{1} << 31) / p.grid_h,
              kInvalidArgument, "soften_sinks: ", p.batch, " grids of ", p.grid_h, "×", p.grid_w, " patches of ",
              p.cols, " channels");
  SCLIP_CHECK(p.batch <= 1 || p.x_stride >= p.grid_h * p.grid_w * p.cols, kInvalidArgument, "soften_sinks: grids of ",
              p.grid_h, "×", p.grid_w, " patches of ", p.cols, " channels lie ", p.x_stride,
              " floats apart and overlap");
  SCLIP_CHECK(p.channel_count >= 1 && p.channel_count <= kMostSinkChannels, kInvalidArgument,
              "soften_sinks: ", p.channel_count, " channels; it takes 1 to ", kMostSinkChannels);
  for (int64_t i = 0; i < p.channel_count; ++i) {
    SCLIP_CHECK(p.channels[static_cast<size_t>(i)] >= 0 && p.channels[static_cast<size_t>(i)] < p.cols,
                kInvalidArgument, "soften_sinks: there is no channel ", p.channels[static_cast<size_t>(i)], " of ",
                p.cols);
  }
  // Written so that NaN is refused.
  SCLIP_CHECK(p.share > 0, kInvalidArgument, "soften_sinks: the share is ", p.share, ", not positive");
  SCLIP_CHECK(p.batch == 0 || (p.x != nullptr && p.softened != nullptr && p.sinks != nullptr), kInvalidArgument,
              "soften_sinks: x, softened and sinks must be given");
}

void soften_sinks_cpu(const SoftenSinksParams& params, CpuQueue queue);
void soften_sinks_cuda(const SoftenSinksParams& params, CudaQueue queue);

namespace ref {
void soften_sinks(const SoftenSinksParams& params);
}

}  // namespace sclip
