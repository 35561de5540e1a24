// Rows, in parallel: the guide, then the weights (P, H, W), then the iterations, four planes at a time so that a row's
// weights, by far the most bytes, are read once for four. Planes are copied into buffers with a margin as wide as the
// largest dilation, which holds the border's pixels again: no loop asks whether it is inside.
// Limited by memory: per pixel, iteration and four planes 4 · P bytes of weights and 32 of planes.
#include <cmath>
#include <utility>
#include <vector>

#include "core/buffer.h"
#include "kernels/pamr/pamr.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pamr/pamr_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef SCLIP_PAMR_TYPES
#define SCLIP_PAMR_TYPES
namespace sclip {
namespace {

constexpr int kMaxNeighbours = 16;

// What one row of an iteration reads: the weights of its pixels, and where each neighbour of pixel 0 lies.
struct PamrRow {
  const float* weights[kMaxNeighbours];
  const float* from[kMaxNeighbours];
};

}  // namespace
}  // namespace sclip
#endif

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

void SmoothRow(const PamrRow& row, int neighbours, int64_t width, float* HWY_RESTRICT out) {
  const auto sum_at = [&](auto d, int64_t x) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (int n = 0; n < neighbours; ++n) {
      sum = hn::MulAdd(hn::LoadU(d, row.weights[n] + x), hn::LoadU(d, row.from[n] + x), sum);
    }
    hn::StoreU(sum, d, out + x);
  };
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t x = 0;
  for (; x + lanes <= width; x += lanes) sum_at(d, x);
  for (; x < width; ++x) sum_at(hn::CappedTag<float, 1>(), x);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {
namespace {

HWY_EXPORT(SmoothRow);

constexpr int64_t kGroup = 4;  // planes that share a reading of the weights

struct Tap {
  int64_t first, second;
  float f;
};

Tap tap(int64_t in, int64_t out, int64_t i) {
  if (in == out) return {i, i, 0};
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  const float source = std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
  const int64_t first = std::min(static_cast<int64_t>(source), in - 1);
  return {first, std::min(first + 1, in - 1), source - static_cast<float>(first)};
}

// A plane with `margin` columns on either side; rows outside are the first and the last again.
struct Padded {
  int64_t height, width, margin;
  AlignedBuffer<float> values;

  Padded(int64_t h, int64_t w, int64_t m)
      : height(h), width(w), margin(m), values(static_cast<size_t>(h * (w + 2 * m))) {}
  float* row(int64_t y) {
    return values.data() + std::clamp<int64_t>(y, 0, height - 1) * (width + 2 * margin) + margin;
  }
  void fill_margin(int64_t y) {
    float* r = row(y);
    std::fill_n(r - margin, margin, r[0]);
    std::fill_n(r + width, margin, r[width - 1]);
  }
};

// Calls body(n, dy, dx) for every neighbour; returns how many.
template <typename Body>
int for_each_neighbour(const PamrParams& p, const Body& body) {
  int count = 0;
  for (const int64_t d : p.dilations) {
    if (d == 0) continue;
    for (int n = 0; n < 8; ++n) body(count++, pamr_dy(n) * d, pamr_dx(n) * d);
  }
  return count;
}

void make_guide_row(const PamrParams& p, int64_t y, const float* image, Padded& guide) {
  const Tap ty = tap(p.image_height, p.height, y);
  const float* upper = image + ty.first * p.image_width;
  const float* lower = image + ty.second * p.image_width;
  float* out = guide.row(y);
  for (int64_t x = 0; x < p.width; ++x) {
    const Tap tx = tap(p.image_width, p.width, x);
    const float above = upper[tx.first] + tx.f * (upper[tx.second] - upper[tx.first]);
    const float below = lower[tx.first] + tx.f * (lower[tx.second] - lower[tx.first]);
    out[x] = above + ty.f * (below - above);
  }
  guide.fill_margin(y);
}

void make_weights(const PamrParams& p, int64_t y, std::array<Padded, 3>& guide, float* weights) {
  const int64_t pixels = p.height * p.width;
  const int dilations = p.dilations[1] == 0 ? 1 : 2;
  for (int64_t x = 0; x < p.width; ++x) {
    float affinity[kMaxNeighbours] = {};
    int neighbours = 0;
    for (Padded& g : guide) {
      float value[kMaxNeighbours];
      const float centre = g.row(y)[x];
      neighbours = for_each_neighbour(p, [&](int n, int64_t dy, int64_t dx) { value[n] = g.row(y + dy)[x + dx]; });
      const auto samples = static_cast<float>(neighbours + dilations);
      float sum = static_cast<float>(dilations) * centre;
      for (int n = 0; n < neighbours; ++n) sum += value[n];
      const float mean = sum / samples;
      float squares = static_cast<float>(dilations) * (centre - mean) * (centre - mean);
      for (int n = 0; n < neighbours; ++n) squares += (value[n] - mean) * (value[n] - mean);
      const float scale = 1e-8f + 0.1f * std::sqrt(squares / (samples - 1));
      for (int n = 0; n < neighbours; ++n) affinity[n] -= std::abs(centre - value[n]) / scale;
    }
    float most = affinity[0];
    for (int n = 1; n < neighbours; ++n) most = std::max(most, affinity[n]);
    float sum = 0;
    for (int n = 0; n < neighbours; ++n) sum += affinity[n] = std::exp((affinity[n] - most) / 3);
    for (int n = 0; n < neighbours; ++n) weights[n * pixels + y * p.width + x] = affinity[n] / sum;
  }
}

}  // namespace

void pamr_cpu(const PamrParams& p, CpuQueue queue) {
  check_params(p);
  if (p.iterations == 0) return;
  const int64_t pixels = p.height * p.width;
  const int64_t margin = std::max(p.dilations[0], p.dilations[1]);
  const int neighbours = for_each_neighbour(p, [](int, int64_t, int64_t) {});
  AlignedBuffer<float> weights(static_cast<size_t>(neighbours * pixels));
  {
    const auto padded = [&] { return Padded(p.height, p.width, margin); };
    std::array<Padded, 3> guide{padded(), padded(), padded()};
    queue.pool->parallel_for(p.height, [&](int64_t y) {
      for (size_t c = 0; c < 3; ++c) {
        make_guide_row(p, y, p.image + static_cast<int64_t>(c) * p.image_height * p.image_width, guide[c]);
      }
    });
    queue.pool->parallel_for(p.height, [&](int64_t y) { make_weights(p, y, guide, weights.data()); });
  }

  std::vector<Padded> now, next;
  for (int64_t g = 0; g < std::min(kGroup, p.count); ++g) {
    now.emplace_back(p.height, p.width, margin);
    next.emplace_back(p.height, p.width, margin);
  }
  const auto smooth_row = HWY_DYNAMIC_DISPATCH(SmoothRow);
  for (int64_t first = 0; first < p.count; first += kGroup) {
    const int64_t group = std::min(kGroup, p.count - first);
    float* planes = p.planes + first * pixels;
    queue.pool->parallel_for(p.height, [&](int64_t y) {
      for (int64_t g = 0; g < group; ++g) {
        Padded& plane = now[static_cast<size_t>(g)];
        std::copy_n(planes + g * pixels + y * p.width, p.width, plane.row(y));
        plane.fill_margin(y);
      }
    });
    for (int64_t i = 0; i < p.iterations; ++i) {
      queue.pool->parallel_for(p.height, [&](int64_t y) {
        for (int64_t g = 0; g < group; ++g) {
          Padded& from = now[static_cast<size_t>(g)];
          PamrRow row;
          for_each_neighbour(p, [&](int n, int64_t dy, int64_t dx) {
            row.weights[n] = weights.data() + n * pixels + y * p.width;
            row.from[n] = from.row(y + dy) + dx;
          });
          Padded& to = next[static_cast<size_t>(g)];
          smooth_row(row, neighbours, p.width, to.row(y));
          to.fill_margin(y);
        }
      });
      std::swap(now, next);
    }
    queue.pool->parallel_for(p.height, [&](int64_t y) {
      for (int64_t g = 0; g < group; ++g) {
        std::copy_n(now[static_cast<size_t>(g)].row(y), p.width, planes + g * pixels + y * p.width);
      }
    });
  }
}

}  // namespace sclip
#endif
