// Mixtures and attention out of cosines, one warp a row.
//
// Tiling     sums  a warp a row, where attention is asked for.
//            maps  a warp a row: the mean from the n sums of the window, then up to five passes over the row, all but
//                  the first from L1. Every warp adds the sums in the same order. A block is 4 rows.
// Shared     none; the reductions are shuffles.
// Occupancy  128 threads, at most 40 registers: 12 blocks, 75 % of an SM.
// Limit      DRAM: S is read once for the sums and once for the maps, each map written once.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/similarity_maps/similarity_maps.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarpsPerBlock = 4;

__device__ __forceinline__ float kept(float x, float threshold) {
  return x >= threshold ? x : 0.0f;
}

__device__ __forceinline__ float row_sum(const float* row, int n, int lane, bool of_kept, float threshold) {
  float sum = 0;
  for (int j = lane; j < n; j += 32) sum += of_kept ? kept(row[j], threshold) : row[j];
  return warp_sum(sum);
}

__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    similarity_sums_kernel(const float* __restrict__ x, float* sums, int64_t total, int n, bool of_kept,
                           float threshold) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (i >= total) return;
  const float sum = row_sum(x + i * n, n, threadIdx.x % 32, of_kept, threshold);
  if (threadIdx.x % 32 == 0) sums[i] = sum;
}

__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    similarity_maps_kernel(const __grid_constant__ SimilarityMapsParams p, int64_t total) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (i >= total) return;
  const int n = static_cast<int>(p.patches), lane = threadIdx.x % 32, self = static_cast<int>(i % n);
  const float* const row = p.x + i * n;
  if (p.attention != nullptr) {
    const float* const sums = p.sums + i / n * n;
    float mean = 0;
    for (int j = lane; j < n; j += 32) mean += sums[j];
    mean = warp_sum(mean) / static_cast<float>(n) / static_cast<float>(n);
    const auto centred = [&](int j) {
      const float c = (p.of_kept ? kept(row[j], p.threshold) : row[j]) - mean;
      if (fabsf(c) < kSimilarityIsMean) return 0.0f;
      return c < 0 ? -INFINITY : c;
    };
    float largest = -INFINITY;
    for (int j = lane; j < n; j += 32) largest = fmaxf(largest, centred(j));
    largest = warp_max(largest);
    const bool alone = largest == -INFINITY;
    const auto exponential = [&](int j) {
      if (alone) return j == self ? 1.0f : 0.0f;
      return expf(p.scale * (centred(j) - largest));
    };
    float sum = 0;
    for (int j = lane; j < n; j += 32) sum += exponential(j);
    const float inverse = 1.0f / warp_sum(sum);
    float* const to = p.attention + i * n;
    for (int j = lane; j < n; j += 32) to[j] = exponential(j) * inverse;
  }
  if (p.rows == nullptr) return;
  const float inverse = 1.0f / (row_sum(row, n, lane, true, p.threshold) + kSimilarityRowEps);
  float* const to = p.rows + i * n;  // which may be the row itself
  for (int j = lane; j < n; j += 32) to[j] = kept(row[j], p.threshold) * inverse;
}

}  // namespace

void similarity_maps_cuda(const SimilarityMapsParams& p, CudaQueue queue) {
  check_params(p);
  const int64_t total = p.batch * p.patches;
  if (total == 0) return;
  const unsigned blocks = grid_size(ceil_div(total, kWarpsPerBlock));
  if (p.attention != nullptr) {
    similarity_sums_kernel<<<blocks, 32 * kWarpsPerBlock, 0, queue.stream>>>(
        p.x, p.sums, total, static_cast<int>(p.patches), p.of_kept, p.threshold);
  }
  similarity_maps_kernel<<<blocks, 32 * kWarpsPerBlock, 0, queue.stream>>>(p, total);
  check_launch("similarity_maps", p.batch, "×", p.patches, " patches");
}

}  // namespace sclip
