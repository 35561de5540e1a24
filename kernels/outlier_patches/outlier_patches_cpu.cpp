// Distances are sums of squared differences, never ‖x‖² + ‖y‖² − 2·x·y: near neighbours lie far closer to each other
// than to the origin, and their order is what is asked for. kTileRows rows of a window meet every row of it, two at a
// time, with a vector of sums for each pair; the rows that pass by come from the second-level cache (600 KiB at
// 196 × 768). Limit: the FMA units, two instructions a difference; 30 million at 196 × 768, 0.2 % of the window's
// forward.
// Each pair is one sum in the order of its columns, so that D is symmetric and has the same bits for any number of
// threads. The k-th smallest of a row is found by std::nth_element on the bits, an order in which NaN has a place.
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/outlier_patches/outlier_patches.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/outlier_patches/outlier_patches_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int kTileRows = 4;

// Rows i … i + kRows − 1 against rows j … j + kColumns − 1.
template <int kRows, int kColumns>
HWY_NOINLINE void Distances(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, int64_t cols,
                            float* HWY_RESTRICT out, int64_t out_stride) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<decltype(d)> sum[kRows][kColumns];
  for (auto& row : sum) {
    for (auto& s : row) s = hn::Zero(d);
  }
  int64_t c = 0;
  for (; c + lanes <= cols; c += lanes) {
    hn::Vec<decltype(d)> right[kColumns];
    for (int j = 0; j < kColumns; ++j) right[j] = hn::LoadU(d, b + j * cols + c);
    for (int i = 0; i < kRows; ++i) {
      const auto left = hn::LoadU(d, a + i * cols + c);
      for (int j = 0; j < kColumns; ++j) {
        const auto difference = hn::Sub(left, right[j]);
        sum[i][j] = hn::MulAdd(difference, difference, sum[i][j]);
      }
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kColumns; ++j) {
      float total = hn::GetLane(hn::SumOfLanes(d, sum[i][j]));
      for (int64_t rest = c; rest < cols; ++rest) {
        const float difference = a[i * cols + rest] - b[j * cols + rest];
        total += difference * difference;
      }
      out[i * out_stride + j] = total;
    }
  }
}

void DistanceRows(const float* x, int64_t rows, int64_t cols, int64_t first, int64_t count, float* out) {
  const float* const a = x + first * cols;
  const auto columns = [&](auto tile, auto one, int64_t i) {
    int64_t j = 0;
    for (; j + 2 <= rows; j += 2) tile(a + i * cols, x + j * cols, cols, out + i * rows + j, rows);
    if (j < rows) one(a + i * cols, x + j * cols, cols, out + i * rows + j, rows);
  };
  if (count == kTileRows) return columns(Distances<kTileRows, 2>, Distances<kTileRows, 1>, 0);
  for (int64_t i = 0; i < count; ++i) columns(Distances<1, 2>, Distances<1, 1>, i);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {
namespace {

// The k-th smallest of a row without element `self`.
float radius_of(const float* distances, int64_t rows, int64_t self, int64_t k, uint32_t* keys) {
  if (k == 0) return 0;
  std::memcpy(keys, distances, static_cast<size_t>(rows) * sizeof(float));
  keys[self] = keys[rows - 1];
  std::nth_element(keys, keys + k - 1, keys + rows - 1);
  return std::bit_cast<float>(keys[k - 1]);
}

float score_of(const float* distances, const float* radii, int64_t rows, int64_t self, int64_t k) {
  if (std::any_of(radii, radii + rows, [](float r) { return r == 0; })) return 0;
  const float radius = radii[self];
  double sum = 0, ties = 0;
  int64_t found = 0;
  for (int64_t j = 0; j < rows; ++j) {
    if (j == self || !(distances[j] < radius)) continue;
    sum += 1.0 / static_cast<double>(radii[j]);
    ++found;
  }
  for (int64_t j = 0; j < rows && found < k; ++j) {
    if (j == self || distances[j] != radius) continue;
    ties += 1.0 / static_cast<double>(radii[j]);
    ++found;
  }
  return static_cast<float>(static_cast<double>(radius) * (sum + ties) / static_cast<double>(k));
}

}  // namespace

HWY_EXPORT(DistanceRows);

void lof_scores_cpu(const LofScoresParams& p, CpuQueue queue) {
  check_params(p);
  const int64_t n = p.rows, k = p.nearest(), tiles = (n + HWY_NAMESPACE::kTileRows - 1) / HWY_NAMESPACE::kTileRows;
  queue.scratch->reserve_workers(queue.pool->threads_here(), static_cast<size_t>(n) * sizeof(uint32_t));
  queue.pool->parallel_for_workers(p.batch * tiles, [&](int worker, int64_t item) {
    const int64_t b = item / tiles, first = item % tiles * HWY_NAMESPACE::kTileRows;
    const int64_t count = std::min<int64_t>(HWY_NAMESPACE::kTileRows, n - first);
    float* const distances = p.distances + (b * n + first) * n;
    HWY_DYNAMIC_DISPATCH(DistanceRows)(p.x + b * p.x_stride, n, p.cols, first, count, distances);
    auto* const keys = reinterpret_cast<uint32_t*>(queue.scratch->worker(worker));
    for (int64_t i = 0; i < count; ++i) {
      p.radii[b * n + first + i] = radius_of(distances + i * n, n, first + i, k, keys);
    }
  });
  queue.pool->parallel_ranges(p.batch * n, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      p.scores[i] = score_of(p.distances + i * n, p.radii + i / n * n, n, i % n, k);
    }
  });
}

void mark_patches_cpu(const MarkPatchesParams& p, CpuQueue queue) {
  check_params(p);
  queue.pool->parallel_ranges(p.batch * p.rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t b = item / p.rows, i = item % p.rows;
      const float* const scores = p.scores + b * p.scores_stride;
      const auto takes_part = [&](int64_t j) {
        return p.bars == nullptr || p.score_factor * scores[j] > p.bars[b * p.bars_stride + j * p.bars_step];
      };
      const float score = scores[i];
      int64_t below = 0, ahead = 0;
      for (int64_t j = 0; j < p.rows; ++j) {
        below += scores[j] < score ? 1 : 0;
        if (p.largest > 0 && (scores[j] > score || (scores[j] == score && j < i)) && takes_part(j)) ++ahead;
      }
      const bool marked = p.largest > 0 ? ahead < p.largest && !std::isnan(score) : below > p.below_quantile();
      p.mask[item] = marked && takes_part(i) ? 1 : 0;
    }
  });
}

void repair_patches_cpu(const RepairPatchesParams& p, CpuQueue queue) {
  check_params(p);
  const int64_t rows = p.grid_h * p.grid_w;
  queue.pool->parallel_ranges(p.batch * rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      if (p.mask[item] == 0) continue;
      const int64_t b = item / rows, i = item % rows, row = i / p.grid_w, column = i % p.grid_w;
      float* const x = p.x + b * p.x_stride;
      float* const to = x + i * p.cols;
      int count = 0;
      for (int64_t y = std::max<int64_t>(row - 1, 0); y <= std::min(row + 1, p.grid_h - 1); ++y) {
        for (int64_t z = std::max<int64_t>(column - 1, 0); z <= std::min(column + 1, p.grid_w - 1); ++z) {
          const int64_t j = y * p.grid_w + z;
          if (p.mask[b * rows + j] != 0) continue;
          const float* const from = x + j * p.cols;
          for (int64_t c = 0; c < p.cols; ++c) to[c] = count == 0 ? from[c] : to[c] + from[c];
          ++count;
        }
      }
      if (count == 0 && p.zero_if_alone) std::fill_n(to, p.cols, 0.0f);
      for (int64_t c = 0; count > 1 && c < p.cols; ++c) to[c] /= static_cast<float>(count);
    }
  });
}

}  // namespace sclip
#endif  // HWY_ONCE
