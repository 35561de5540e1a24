// Outliers among the patches of a window, and their repair.
//
// Tiling     distances  a block is a tile of 32 × 32 pairs: 32 columns of the 64 rows lie in shared memory, a lane
//                       has a right row and its thread four left ones. Differences are squared, not products summed:
//                       near rows keep their order.
//            radii      a warp a row: the k-th smallest by its bits, from the highest to the lowest, 32 passes over
//                       the row in L1.
//            scores, marks, repair   a warp a patch.
// Shared     distances: 2 · 32 · 33 floats, 8.4 KiB; rows of 33 keep lanes apart: no bank conflicts. Others: none.
// Occupancy  distances: 256 threads, at most 64 registers: 4 blocks, 50 % of an SM.
//            Others: 128 threads, at most 40 registers: 12 blocks, 75 % of an SM.
// Limit      distances: instructions, 13 for 4 differences; the rest: launches, once a window batch.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/outlier_patches/outlier_patches.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kTile = 32, kThreads = 256, kLefts = kTile * kTile / kThreads;
constexpr int kWarpsPerBlock = 4;

__global__ void __launch_bounds__(kThreads, 4)
    lof_distances_kernel(const float* __restrict__ x, float* __restrict__ distances, int rows, int cols,
                         int64_t x_stride) {
  __shared__ float left[kTile][kTile + 1], right[kTile][kTile + 1];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int first_left = blockIdx.y * kTile, first_right = blockIdx.x * kTile;
  const float* const window = x + blockIdx.z * x_stride;
  float sum[kLefts] = {};
  for (int first = 0; first < cols; first += kTile) {
    const int column = first + lane;
#pragma unroll
    for (int i = 0; i < kLefts; ++i) {
      const int row = warp + i * (kTile / kLefts);
      const bool exists = column < cols;
      const int64_t a = min(first_left + row, rows - 1), b = min(first_right + row, rows - 1);
      left[row][lane] = exists ? window[a * cols + column] : 0;
      right[row][lane] = exists ? window[b * cols + column] : 0;
    }
    __syncthreads();
#pragma unroll 8
    for (int c = 0; c < kTile; ++c) {
      const float own = right[lane][c];
#pragma unroll
      for (int i = 0; i < kLefts; ++i) {
        const float difference = left[warp + i * (kTile / kLefts)][c] - own;
        sum[i] = fmaf(difference, difference, sum[i]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kLefts; ++i) {
    const int row = first_left + warp + i * (kTile / kLefts), column = first_right + lane;
    if (row < rows && column < rows) {
      distances[(static_cast<int64_t>(blockIdx.z) * rows + row) * rows + column] = sum[i];
    }
  }
}

__device__ __forceinline__ int64_t warp_of_grid() {
  return static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
}

__device__ __forceinline__ int count_lanes(bool which) {
  return __popc(__ballot_sync(kFullWarp, which));
}

__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    lof_radii_kernel(const float* __restrict__ distances, float* radii, int64_t total, int rows, int k) {
  const int64_t item = warp_of_grid();
  if (item >= total) return;
  const int lane = threadIdx.x % 32, self = static_cast<int>(item % rows);
  const float* const row = distances + item * rows;
  unsigned found = 0;
  int left = k;  // how many of those that begin with `found` are not larger than the one that is looked for
  for (int bit = 31; bit >= 0 && k > 0; --bit) {
    int zeros = 0;
    for (int first = 0; first < rows; first += 32) {
      const int j = first + lane;
      const bool other = j < rows && j != self;
      const unsigned bits = other ? __float_as_uint(row[j]) : 0;
      zeros += count_lanes(other && bits >> bit == found >> bit);
    }
    if (zeros < left) {
      left -= zeros;
      found |= 1u << bit;
    }
  }
  if (lane == 0) radii[item] = __uint_as_float(found);
}

__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    lof_scores_kernel(const float* __restrict__ distances, const float* __restrict__ radii, float* scores,
                      int64_t total, int rows, int k) {
  const int64_t item = warp_of_grid();
  if (item >= total) return;
  const int lane = threadIdx.x % 32, self = static_cast<int>(item % rows);
  const float* const row = distances + item * rows;
  const float* const window = radii + item / rows * rows;
  const float radius = window[self];
  bool zero = false;
  int nearer = 0;
  for (int first = 0; first < rows; first += 32) {
    const int j = first + lane;
    zero = zero || (j < rows && window[j] == 0);
    nearer += count_lanes(j < rows && j != self && row[j] < radius);
  }
  float sum = 0;
  int ties = k - nearer;  // that are still wanted, by index
  for (int first = 0; first < rows; first += 32) {
    const int j = first + lane;
    const bool other = j < rows && j != self;
    const unsigned equal = __ballot_sync(kFullWarp, other && row[j] == radius);
    const bool tie = (equal >> lane & 1) != 0 && __popc(equal & ((1u << lane) - 1)) < ties;
    if (other && (tie || row[j] < radius)) sum += 1.0f / window[j];
    ties -= __popc(equal);
  }
  sum = warp_sum(sum);
  zero = __any_sync(kFullWarp, zero);
  if (lane == 0) scores[item] = zero ? 0.0f : radius * sum / static_cast<float>(k);
}

struct Mark {
  const float* scores;
  int64_t scores_stride;
  const float* bars;
  int64_t bars_stride, bars_step;
  float score_factor;
  int below, largest, rows;

  __device__ __forceinline__ bool takes_part(int64_t window, int j, float score) const {
    return bars == nullptr || score_factor * score > bars[window * bars_stride + j * bars_step];
  }
};

__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    mark_patches_kernel(const __grid_constant__ Mark p, int32_t* mask, int64_t total) {
  const int64_t item = warp_of_grid();
  if (item >= total) return;
  const int lane = threadIdx.x % 32, self = static_cast<int>(item % p.rows);
  const int64_t window = item / p.rows;
  const float* const scores = p.scores + window * p.scores_stride;
  const float score = scores[self];
  int below = 0, ahead = 0;
  for (int first = 0; first < p.rows; first += 32) {
    const int j = first + lane;
    const float other = j < p.rows ? scores[j] : NAN;
    below += count_lanes(other < score);
    ahead += count_lanes((other > score || (other == score && j < self)) && p.takes_part(window, j, other));
  }
  if (lane > 0) return;
  const bool marked = p.largest > 0 ? ahead < p.largest && score == score : below > p.below;
  mask[item] = marked && p.takes_part(window, self, score) ? 1 : 0;
}

__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    repair_patches_kernel(float* x, const int32_t* __restrict__ mask, int64_t total, int grid_h, int grid_w,
                          int64_t cols, int64_t x_stride, bool zero_if_alone) {
  const int64_t item = warp_of_grid();
  if (item >= total || mask[item] == 0) return;
  const int rows = grid_h * grid_w, self = static_cast<int>(item % rows);
  const int row = self / grid_w, column = self % grid_w;
  const int32_t* const marks = mask + item / rows * rows;
  float* const window = x + item / rows * x_stride;
  const int y_begin = max(row - 1, 0), y_end = min(row + 2, grid_h);
  const int x_begin = max(column - 1, 0), x_end = min(column + 2, grid_w);
  for (int64_t c = threadIdx.x % 32; c < cols; c += 32) {
    float sum = 0;
    int count = 0;
    for (int y = y_begin; y < y_end; ++y) {
      for (int z = x_begin; z < x_end; ++z) {
        const int j = y * grid_w + z;
        if (marks[j] != 0) continue;
        sum += window[j * cols + c];
        ++count;
      }
    }
    if (count > 0) {
      window[self * cols + c] = sum / static_cast<float>(count);
    } else if (zero_if_alone) {
      window[self * cols + c] = 0;
    }
  }
}

unsigned warps(int64_t count) {
  return grid_size(ceil_div(count, kWarpsPerBlock));
}

}  // namespace

void lof_scores_cuda(const LofScoresParams& p, CudaQueue queue) {
  check_params(p);
  const int64_t total = p.batch * p.rows;
  if (total == 0) return;
  const auto tiles = static_cast<unsigned>(ceil_div(p.rows, kTile));
  SCLIP_CHECK(p.batch <= 65535 && tiles <= 65535, kUnsupported, "lof_scores: ", p.batch, " windows of ", p.rows,
              " patches; a CUDA grid holds 65535 of windows and of tiles of ", kTile);
  const auto rows = static_cast<int>(p.rows), k = static_cast<int>(p.nearest());
  lof_distances_kernel<<<dim3(tiles, tiles, static_cast<unsigned>(p.batch)), kThreads, 0, queue.stream>>>(
      p.x, p.distances, rows, static_cast<int>(p.cols), p.x_stride);
  lof_radii_kernel<<<warps(total), 32 * kWarpsPerBlock, 0, queue.stream>>>(p.distances, p.radii, total, rows, k);
  lof_scores_kernel<<<warps(total), 32 * kWarpsPerBlock, 0, queue.stream>>>(p.distances, p.radii, p.scores, total, rows,
                                                                            k);
  check_launch("lof_scores", p.batch, "×", p.rows, " rows of ", p.cols);
}

void mark_patches_cuda(const MarkPatchesParams& p, CudaQueue queue) {
  check_params(p);
  const int64_t total = p.batch * p.rows;
  if (total == 0) return;
  const Mark mark{.scores = p.scores,
                  .scores_stride = p.scores_stride,
                  .bars = p.bars,
                  .bars_stride = p.bars_stride,
                  .bars_step = p.bars_step,
                  .score_factor = p.score_factor,
                  .below = static_cast<int>(p.below_quantile()),
                  .largest = static_cast<int>(std::min<int64_t>(p.largest, p.rows)),
                  .rows = static_cast<int>(p.rows)};
  mark_patches_kernel<<<warps(total), 32 * kWarpsPerBlock, 0, queue.stream>>>(mark, p.mask, total);
  check_launch("mark_patches", p.batch, "×", p.rows, " patches");
}

void repair_patches_cuda(const RepairPatchesParams& p, CudaQueue queue) {
  check_params(p);
  const int64_t total = p.batch * p.grid_h * p.grid_w;
  if (total == 0) return;
  repair_patches_kernel<<<warps(total), 32 * kWarpsPerBlock, 0, queue.stream>>>(
      p.x, p.mask, total, static_cast<int>(p.grid_h), static_cast<int>(p.grid_w), p.cols, p.x_stride, p.zero_if_alone);
  check_launch("repair_patches", p.batch, " grids of ", p.grid_w, "×", p.grid_h, " rows of ", p.cols);
}

}  // namespace sclip
