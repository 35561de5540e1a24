#include <numeric>
#include <vector>

#include "kernels/outlier_patches/outlier_patches.h"

namespace sclip::ref {

void lof_scores(const LofScoresParams& p) {
  const auto n = static_cast<size_t>(p.rows);
  const auto k = static_cast<size_t>(p.nearest());
  for (int64_t b = 0; b < p.batch; ++b) {
    std::vector<std::vector<size_t>> nearest(n);
    std::vector<double> radius(n, 0.0);
    bool equal = false;
    for (size_t i = 0; i < n; ++i) {
      std::vector<double> distance(n, 0.0);
      for (size_t j = 0; j < n; ++j) {
        for (int64_t c = 0; c < p.cols; ++c) {
          const double difference = static_cast<double>(p.x[b * p.x_stride + static_cast<int64_t>(i) * p.cols + c]) -
                                    static_cast<double>(p.x[b * p.x_stride + static_cast<int64_t>(j) * p.cols + c]);
          distance[j] += difference * difference;
        }
        p.distances[(static_cast<size_t>(b) * n + i) * n + j] = static_cast<float>(distance[j]);
        if (j != i) nearest[i].push_back(j);
      }
      std::stable_sort(nearest[i].begin(), nearest[i].end(),
                       [&](size_t a, size_t c) { return distance[a] < distance[c]; });
      nearest[i].resize(k);
      if (k > 0) radius[i] = distance[nearest[i].back()];
      equal = equal || radius[i] == 0;
    }
    for (size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (size_t j : nearest[i]) sum += 1 / radius[j];
      p.radii[static_cast<size_t>(b) * n + i] = static_cast<float>(radius[i]);
      p.scores[static_cast<size_t>(b) * n + i] =
          equal ? 0.0f : static_cast<float>(radius[i] * sum / static_cast<double>(k));
    }
  }
}

void mark_patches(const MarkPatchesParams& p) {
  for (int64_t b = 0; b < p.batch; ++b) {
    const float* const scores = p.scores + b * p.scores_stride;
    int32_t* const mask = p.mask + b * p.rows;
    std::vector<int64_t> candidates;
    for (int64_t i = 0; i < p.rows; ++i) {
      const bool takes_part =
          p.bars == nullptr || p.score_factor * scores[i] > p.bars[b * p.bars_stride + i * p.bars_step];
      if (takes_part && !std::isnan(scores[i])) candidates.push_back(i);
      mask[i] = 0;
    }
    if (p.largest > 0) {
      std::stable_sort(candidates.begin(), candidates.end(),
                       [&](int64_t a, int64_t c) { return scores[a] > scores[c]; });
      if (static_cast<int64_t>(candidates.size()) > p.largest) candidates.resize(static_cast<size_t>(p.largest));
      for (int64_t i : candidates) mask[i] = 1;
      continue;
    }
    std::vector<double> sorted(scores, scores + p.rows);
    std::sort(sorted.begin(), sorted.end());
    const double at = p.quantile * static_cast<double>(p.rows - 1);
    const auto low = static_cast<size_t>(at + 1e-9);
    const double share = std::max(0.0, at - static_cast<double>(low));
    double quantile = sorted[low];
    if (low + 1 < sorted.size()) quantile += share * (sorted[low + 1] - sorted[low]);
    for (int64_t i : candidates) mask[i] = static_cast<double>(scores[i]) > quantile ? 1 : 0;
  }
}

void repair_patches(const RepairPatchesParams& p) {
  for (int64_t b = 0; b < p.batch; ++b) {
    float* const x = p.x + b * p.x_stride;
    const int32_t* const mask = p.mask + b * p.grid_h * p.grid_w;
    for (int64_t i = 0; i < p.grid_h * p.grid_w; ++i) {
      if (mask[i] == 0) continue;
      const int64_t row = i / p.grid_w, column = i % p.grid_w;
      std::vector<double> sum(static_cast<size_t>(p.cols), 0.0);
      int count = 0;
      for (int64_t y = std::max<int64_t>(row - 1, 0); y <= std::min(row + 1, p.grid_h - 1); ++y) {
        for (int64_t z = std::max<int64_t>(column - 1, 0); z <= std::min(column + 1, p.grid_w - 1); ++z) {
          const int64_t j = y * p.grid_w + z;
          if (mask[j] != 0) continue;
          ++count;
          for (int64_t c = 0; c < p.cols; ++c) sum[static_cast<size_t>(c)] += static_cast<double>(x[j * p.cols + c]);
        }
      }
      for (int64_t c = 0; c < p.cols; ++c) {
        if (count > 0) x[i * p.cols + c] = static_cast<float>(sum[static_cast<size_t>(c)] / count);
        if (count == 0 && p.zero_if_alone) x[i * p.cols + c] = 0;
      }
    }
  }
}

}  // namespace sclip::ref
