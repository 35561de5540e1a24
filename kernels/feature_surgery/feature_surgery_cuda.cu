// y = w·x − mean(w·x), w = T · softmax(sharpness · c) of the window, one warp a row.
//
// Tiling     A block is 4 warps and 32 rows of one window. A warp finds the softmax's maximum and sum for itself, a
// row's
//            worth of work, then takes every fourth row: once for the mean, once for the result, the second time from
//            L1. A weight is an exponential where it is used: words are any number, and nothing holds them all.
// Shared     none; the reductions are shuffles.
// Occupancy  128 threads, at most 40 registers: 12 blocks, 75 % of an SM.
// Limit      DRAM: every score is read and written once, where rows of words stay in L1 between their two readings.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/feature_surgery/feature_surgery.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarps = 4, kBlockRows = 32;

__global__ void __launch_bounds__(32 * kWarps, 12)
    feature_surgery_kernel(const float* __restrict__ window_scores, float* __restrict__ scores, int64_t rows,
                           int64_t words, float sharpness) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const float* const c = window_scores + blockIdx.y * words;
  float largest = -INFINITY;
  for (int64_t t = lane; t < words; t += 32) largest = fmaxf(largest, c[t]);
  largest = warp_max(largest);
  float total = 0;
  for (int64_t t = lane; t < words; t += 32) total += expf(sharpness * (c[t] - largest));
  const float scale = static_cast<float>(words) / warp_sum(total);
  const auto weight = [&](int64_t t) { return expf(sharpness * (c[t] - largest)) * scale; };

  const int64_t first = static_cast<int64_t>(blockIdx.x) * kBlockRows;
  for (int64_t r = first + warp; r < first + kBlockRows && r < rows; r += kWarps) {
    float* const x = scores + (blockIdx.y * rows + r) * words;
    float sum = 0;
    for (int64_t t = lane; t < words; t += 32) sum = fmaf(weight(t), x[t], sum);
    const float mean = warp_sum(sum) / static_cast<float>(words);
    for (int64_t t = lane; t < words; t += 32) x[t] = fmaf(weight(t), x[t], -mean);
  }
}

}  // namespace

void feature_surgery_cuda(const FeatureSurgeryParams& p, CudaQueue queue) {
  check_params(p);
  if (p.batch * p.rows == 0) return;
  SCLIP_CHECK(p.batch <= 65535, kUnsupported, "feature_surgery: a batch of ", p.batch,
              " windows; a CUDA grid holds 65535");
  const dim3 grid(grid_size(ceil_div(p.rows, kBlockRows)), static_cast<unsigned>(p.batch));
  feature_surgery_kernel<<<grid, 32 * kWarps, 0, queue.stream>>>(p.window_scores, p.scores, p.rows, p.words,
                                                                 p.sharpness);
  check_launch("feature_surgery", p.batch, "×", p.rows, " rows of ", p.words, " words");
}

}  // namespace sclip
