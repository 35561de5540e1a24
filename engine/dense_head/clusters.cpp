#include "engine/dense_head/clusters.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sclip/error.h"

namespace sclip {
namespace {

constexpr int64_t kEnlarged = 4, kMedian = 2 * kEnlarged - 1;

struct Taps {
  int64_t low, high;
  float share;  // of the higher one
};

// Half-pixel centres, clamped at the border.
std::vector<Taps> bilinear_taps(int64_t out, int64_t in) {
  std::vector<Taps> taps(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const double source =
        std::clamp((static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5, 0.0,
                   static_cast<double>(in - 1));
    const auto low = static_cast<int64_t>(source);
    taps[static_cast<size_t>(i)] = {low, std::min(low + 1, in - 1),
                                    static_cast<float>(source - static_cast<double>(low))};
  }
  return taps;
}

float sample(const float* map, int64_t width, const Taps& y, const Taps& x) {
  const float* low = map + y.low * width;
  const float* high = map + y.high * width;
  const float top = low[x.low] + x.share * (low[x.high] - low[x.low]);
  const float bottom = high[x.low] + x.share * (high[x.high] - high[x.low]);
  return top + y.share * (bottom - top);
}

// d c b a | a b c d | d c b a
int64_t mirror(int64_t i, int64_t size) {
  i %= 2 * size;
  if (i < 0) i += 2 * size;
  return i < size ? i : 2 * size - 1 - i;
}

std::vector<float> median(const std::vector<float>& map, int64_t height, int64_t width) {
  std::vector<float> out(map.size());
  std::array<float, kMedian * kMedian> around;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      size_t count = 0;
      for (int64_t dy = -kMedian / 2; dy <= kMedian / 2; ++dy) {
        const int64_t row = mirror(y + dy, height) * width;
        for (int64_t dx = -kMedian / 2; dx <= kMedian / 2; ++dx) {
          around[count++] = map[static_cast<size_t>(row + mirror(x + dx, width))];
        }
      }
      std::nth_element(around.begin(), around.begin() + around.size() / 2, around.end());
      out[static_cast<size_t>(y * width + x)] = around[around.size() / 2];
    }
  }
  return out;
}

// Maps of all clusters, (clusters, 4h, 4w).
std::vector<std::vector<float>> cluster_maps(const std::vector<float>& rows, const std::vector<int32_t>& cluster_of,
                                             int64_t grid_h, int64_t grid_w) {
  const int64_t hw = grid_h * grid_w, height = kEnlarged * grid_h, width = kEnlarged * grid_w;
  const int32_t clusters = 1 + *std::max_element(cluster_of.begin(), cluster_of.end());
  const std::vector<Taps> ys = bilinear_taps(height, grid_h), xs = bilinear_taps(width, grid_w);
  std::vector<std::vector<float>> maps;
  for (int32_t c = 0; c < clusters; ++c) {
    std::vector<double> sum(static_cast<size_t>(hw), 0.0);
    double members = 0;
    for (int64_t i = 0; i < hw; ++i) {
      if (cluster_of[static_cast<size_t>(i)] != c) continue;
      ++members;
      for (int64_t j = 0; j < hw; ++j) sum[static_cast<size_t>(j)] += double{rows[static_cast<size_t>(i * hw + j)]};
    }
    std::vector<float> mean(sum.size()), enlarged;
    for (size_t j = 0; j < sum.size(); ++j) mean[j] = static_cast<float>(sum[j] / members);
    enlarged.reserve(static_cast<size_t>(height * width));
    for (const Taps& y : ys) {
      for (const Taps& x : xs) enlarged.push_back(sample(mean.data(), grid_w, y, x));
    }
    maps.push_back(median(enlarged, height, width));
  }
  return maps;
}

}  // namespace

std::vector<int32_t> dbscan(std::span<const float> points, int64_t count, int64_t dims, double eps,
                            int64_t min_points) {
  SCLIP_CHECK(static_cast<int64_t>(points.size()) == count * dims && eps > 0, kInternal, "dbscan of ", count,
              " points in ", dims, " dimensions, given ", points.size(), " numbers and eps ", eps);
  std::vector<std::vector<int32_t>> near(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = i; j < count; ++j) {
      double squares = 0;
      for (int64_t c = 0; c < dims; ++c) {
        const double difference =
            double{points[static_cast<size_t>(i * dims + c)]} - double{points[static_cast<size_t>(j * dims + c)]};
        squares += difference * difference;
      }
      if (!(std::sqrt(squares) <= eps)) continue;
      near[static_cast<size_t>(i)].push_back(static_cast<int32_t>(j));
      if (j > i) near[static_cast<size_t>(j)].push_back(static_cast<int32_t>(i));
    }
  }
  const auto is_core = [&](int32_t i) {
    return static_cast<int64_t>(near[static_cast<size_t>(i)].size()) >= min_points;
  };
  std::vector<int32_t> cluster_of(static_cast<size_t>(count), -1);
  int32_t clusters = 0;
  std::vector<int32_t> reached;
  for (int32_t first = 0; first < count; ++first) {
    if (cluster_of[static_cast<size_t>(first)] >= 0 || !is_core(first)) continue;
    reached.assign(1, first);
    cluster_of[static_cast<size_t>(first)] = clusters;
    while (!reached.empty()) {
      const int32_t from = reached.back();
      reached.pop_back();
      if (!is_core(from)) continue;
      for (const int32_t to : near[static_cast<size_t>(from)]) {
        if (cluster_of[static_cast<size_t>(to)] >= 0) continue;
        cluster_of[static_cast<size_t>(to)] = clusters;
        reached.push_back(to);
      }
    }
    ++clusters;
  }
  return cluster_of;
}

void vote_in_clusters(std::span<const float> affinity, int64_t grid_h, int64_t grid_w, const ClusterRule& rule,
                      std::span<uint16_t> labels, int64_t height, int64_t width) {
  const int64_t hw = grid_h * grid_w, n = 1 + hw;
  SCLIP_CHECK(static_cast<int64_t>(affinity.size()) == n * n && static_cast<int64_t>(labels.size()) == height * width,
              kInternal, "clusters of ", grid_w, "×", grid_h, " patches and ", width, "×", height, " pixels, given ",
              affinity.size(), " affinities and ", labels.size(), " labels");
  std::vector<float> rows(static_cast<size_t>(hw * hw));
  for (int64_t i = 0; i < hw; ++i) {
    for (int64_t j = 0; j < hw; ++j) {
      rows[static_cast<size_t>(i * hw + j)] =
          std::max(0.0f, affinity[static_cast<size_t>((1 + i) * n + 1 + j)] - affinity[static_cast<size_t>(1 + j)]);
    }
  }
  const std::vector<int32_t> cluster_of = dbscan(rows, hw, hw, rule.eps, rule.min_points);
  if (std::all_of(cluster_of.begin(), cluster_of.end(), [](int32_t c) { return c < 0; })) return;

  const std::vector<std::vector<float>> maps = cluster_maps(rows, cluster_of, grid_h, grid_w);
  const std::vector<Taps> ys = bilinear_taps(height, kEnlarged * grid_h), xs = bilinear_taps(width, kEnlarged * grid_w);
  const size_t slots = 1 + size_t{*std::max_element(labels.begin(), labels.end())};
  std::vector<uint32_t> cluster_at(labels.size());
  std::vector<int64_t> votes(maps.size() * slots, 0);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      uint32_t best = 0;
      float largest = 0;
      for (uint32_t c = 0; c < maps.size(); ++c) {
        const float value =
            sample(maps[c].data(), kEnlarged * grid_w, ys[static_cast<size_t>(y)], xs[static_cast<size_t>(x)]);
        if (c > 0 && !(value > largest)) continue;
        best = c;
        largest = value;
      }
      const auto at = static_cast<size_t>(y * width + x);
      cluster_at[at] = best;
      ++votes[best * slots + labels[at]];
    }
  }
  std::vector<uint16_t> winner;
  for (size_t c = 0; c < maps.size(); ++c) {
    const auto begin = votes.begin() + static_cast<std::ptrdiff_t>(c * slots);
    const auto end = begin + static_cast<std::ptrdiff_t>(slots);
    winner.push_back(static_cast<uint16_t>(std::max_element(begin, end) - begin));
  }
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = winner[cluster_at[i]];
}

}  // namespace sclip
