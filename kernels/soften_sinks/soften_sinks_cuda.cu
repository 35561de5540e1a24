// Sink patches are found and softened beside the map by one kernel, and written back by a second: a patch's neighbours
// count as they were.
//
// Tiling     One warp a patch: it reads its row twice, the second time from L1; a sink's neighbours once more. A block
//            is 4 patches.
// Shared     none; the reductions are shuffles.
// Occupancy  128 threads, at most 48 registers: 10 blocks, 62 % of an SM.
// Limit      DRAM: 4·C bytes a patch, and 12·C a sink.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/soften_sinks/soften_sinks.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarpsPerBlock = 4;

struct Sinks {
  float* x;
  float* softened;
  int32_t* sinks;
  int64_t total, x_stride, cols;
  int patches, grid_h, grid_w;
  int32_t channels[kMostSinkChannels];
  int channel_count;
  float share;  // of the row: share / C
};

__global__ void __launch_bounds__(32 * kWarpsPerBlock) soften_sinks_kernel(const __grid_constant__ Sinks p) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (i >= p.total) return;
  const int lane = threadIdx.x % 32, patch = static_cast<int>(i % p.patches);
  const float* grid = p.x + i / p.patches * p.x_stride;
  const float* x = grid + patch * p.cols;

  float least = x[0];
  for (int64_t c = lane; c < p.cols; c += 32) least = fminf(least, x[c]);
  least = -warp_max(-least);
  float sum = 0;
  for (int64_t c = lane; c < p.cols; c += 32) sum += x[c] - least;
  sum = warp_sum(sum);
  const float most = warp_max(lane < p.channel_count ? x[p.channels[lane]] - least : 0.0f);
  const bool sink = most / fmaxf(sum, 1e-8f) > p.share;
  if (lane == 0) p.sinks[i] = sink ? 1 : 0;
  if (!sink) return;

  const int row = patch / p.grid_w, column = patch % p.grid_w;
  float* out = p.softened + i * p.cols;
  for (int64_t c = lane; c < p.cols; c += 32) {
    float around = 0;
    for (int y = max(row - 1, 0); y <= min(row + 1, p.grid_h - 1); ++y) {
      for (int z = max(column - 1, 0); z <= min(column + 1, p.grid_w - 1); ++z) {
        around += grid[static_cast<int64_t>(y * p.grid_w + z) * p.cols + c];
      }
    }
    out[c] = fmaf(kSinkMean / 9, around, kSinkOwn * x[c]);
  }
}

__global__ void __launch_bounds__(32 * kWarpsPerBlock) write_back_kernel(const __grid_constant__ Sinks p) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (i >= p.total || p.sinks[i] == 0) return;
  float* x = p.x + i / p.patches * p.x_stride + i % p.patches * p.cols;
  for (int64_t c = threadIdx.x % 32; c < p.cols; c += 32) x[c] = p.softened[i * p.cols + c];
}

}  // namespace

void soften_sinks_cuda(const SoftenSinksParams& params, CudaQueue queue) {
  check_params(params);
  if (params.batch == 0) return;
  const int64_t patches = params.grid_h * params.grid_w;
  Sinks p{.x = params.x,
          .softened = params.softened,
          .sinks = params.sinks,
          .total = params.batch * patches,
          .x_stride = params.x_stride,
          .cols = params.cols,
          .patches = static_cast<int>(patches),
          .grid_h = static_cast<int>(params.grid_h),
          .grid_w = static_cast<int>(params.grid_w),
          .channels = {},
          .channel_count = static_cast<int>(params.channel_count),
          .share = params.share / static_cast<float>(params.cols)};
  for (int64_t n = 0; n < params.channel_count; ++n) p.channels[n] = params.channels[static_cast<size_t>(n)];
  const unsigned blocks = grid_size(ceil_div(p.total, kWarpsPerBlock));
  soften_sinks_kernel<<<blocks, 32 * kWarpsPerBlock, 0, queue.stream>>>(p);
  write_back_kernel<<<blocks, 32 * kWarpsPerBlock, 0, queue.stream>>>(p);
  check_launch("soften_sinks", params.batch, " grids of ", params.grid_h, "×", params.grid_w, " patches of ",
               params.cols, " channels");
}

}  // namespace sclip
