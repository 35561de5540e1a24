#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/window_merge/window_merge.h"

namespace sclip::ref {
namespace {

using Plane = std::vector<double>;

// One plane, as torch does it: the coordinates in f32, here the values in double.
Plane interpolate(const Plane& in, int64_t in_h, int64_t in_w, int64_t out_h, int64_t out_w) {
  const auto source = [](int64_t n_in, int64_t n_out, int64_t i) {
    const float scale = static_cast<float>(n_in) / static_cast<float>(n_out);
    return std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
  };
  Plane out(static_cast<size_t>(out_h * out_w));
  for (int64_t y = 0; y < out_h; ++y) {
    const float sy = source(in_h, out_h, y);
    const auto y0 = static_cast<int64_t>(sy);
    const int64_t y1 = y0 + (y0 < in_h - 1 ? 1 : 0);
    const double fy = sy - static_cast<float>(y0);
    for (int64_t x = 0; x < out_w; ++x) {
      const float sx = source(in_w, out_w, x);
      const auto x0 = static_cast<int64_t>(sx);
      const int64_t x1 = x0 + (x0 < in_w - 1 ? 1 : 0);
      const double fx = sx - static_cast<float>(x0);
      const auto at = [&](int64_t i, int64_t j) { return in[static_cast<size_t>(i * in_w + j)]; };
      out[static_cast<size_t>(y * out_w + x)] =
          (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x1)) + fy * ((1 - fx) * at(y1, x0) + fx * at(y1, x1));
    }
  }
  return out;
}

// The logits of query k at the photo's size.
Plane photo_logits(const WindowMergeParams& p, int64_t k) {
  Plane sum(static_cast<size_t>(p.resized_height * p.resized_width), 0.0);
  Plane count(sum.size(), 0.0);
  for (int64_t window = 0; window < p.windows_x * p.windows_y; ++window) {
    Plane patches(static_cast<size_t>(p.grid_h * p.grid_w));
    for (size_t i = 0; i < patches.size(); ++i) {
      patches[i] = p.logits[(window * p.grid_h * p.grid_w + static_cast<int64_t>(i)) * p.queries + k];
    }
    const Plane pixels = interpolate(patches, p.grid_h, p.grid_w, p.window_height, p.window_width);
    for (int64_t y = 0; y < p.window_height; ++y) {
      for (int64_t x = 0; x < p.window_width; ++x) {
        const int64_t row = p.window_y[window / p.windows_x] + y;
        const int64_t column = p.window_x[window % p.windows_x] + x;
        const auto at = static_cast<size_t>(row * p.resized_width + column);
        sum[at] += pixels[static_cast<size_t>(y * p.window_width + x)];
        count[at] += 1;
      }
    }
  }
  for (size_t i = 0; i < sum.size(); ++i) sum[i] /= count[i];
  return interpolate(sum, p.resized_height, p.resized_width, p.photo_height, p.photo_width);
}

}  // namespace

void window_merge(const WindowMergeParams& p) {
  const auto pixels = static_cast<size_t>(p.photo_height * p.photo_width);
  const auto queries = static_cast<size_t>(p.queries);
  const auto classes = static_cast<size_t>(p.classes);
  std::vector<Plane> logits;
  for (size_t k = 0; k < queries; ++k) {
    logits.push_back(photo_logits(p, static_cast<int64_t>(k)));
    if (p.full_logits) std::copy(logits[k].begin(), logits[k].end(), p.full_logits + k * pixels);
  }

  std::vector<Plane> scores(classes, Plane(pixels, 0.0));
  for (size_t i = 0; i < pixels; ++i) {
    double most = -HUGE_VAL;
    for (size_t k = 0; k < queries; ++k) most = std::max(most, p.logit_scale * logits[k][i]);
    double sum = 0;
    for (size_t k = 0; k < queries; ++k) sum += std::exp(p.logit_scale * logits[k][i] - most);
    for (size_t k = 0; k < queries; ++k) {
      double& score = scores[static_cast<size_t>(p.query_class[k])][i];
      score = std::max(score, std::exp(p.logit_scale * logits[k][i] - most) / sum);
    }
  }

  const auto argmax = [&](size_t i) {
    size_t best = 0;
    for (size_t q = 1; q < classes; ++q) {
      if (scores[q][i] > scores[best][i]) best = q;
    }
    return best;
  };
  if (p.area_threshold) {
    std::vector<int64_t> count(classes, 0);
    int64_t foreground = 0;
    for (size_t i = 0; i < pixels; ++i) {
      const size_t q = argmax(i);
      ++count[q];
      if (q != 0) ++foreground;
    }
    for (size_t q = 1; q < classes; ++q) {
      const bool kept = static_cast<float>(count[q]) > *p.area_threshold * static_cast<float>(foreground);
      if (!kept) std::fill(scores[q].begin(), scores[q].end(), 0.0);
    }
  }

  std::vector<MergeStatistics> statistics(classes);
  for (size_t i = 0; i < pixels; ++i) {
    size_t label = argmax(i);
    const double score = scores[label][i];
    if (score < static_cast<double>(p.prob_threshold)) label = 0;
    p.scores[i] = static_cast<float>(score);
    if (p.label_dtype == DType::kU8) {
      static_cast<uint8_t*>(p.labels)[i] = static_cast<uint8_t>(label);
    } else {
      static_cast<uint16_t*>(p.labels)[i] = static_cast<uint16_t>(label);
    }
    MergeStatistics& s = statistics[label];
    ++s.pixels;
    s.score_sum += score;
    s.max_score = std::max(s.max_score, static_cast<float>(score));
  }
  if (p.statistics) std::copy(statistics.begin(), statistics.end(), p.statistics);
  if (p.class_scores) {
    for (size_t q = 0; q < classes; ++q) std::copy(scores[q].begin(), scores[q].end(), p.class_scores + q * pixels);
  }
}

}  // namespace sclip::ref
