#include <cmath>
#include <cstdlib>
#include <map>
#include <vector>

#include "core/dtype.h"
#include "kernels/label_affinity/label_affinity.h"

namespace sclip::ref {
namespace {

int32_t most_frequent(const LabelAffinityParams& p, const uint16_t* labels, int64_t row, int64_t column) {
  std::map<int32_t, int64_t> counts;
  for (int64_t y = 0; y < p.patch; ++y) {
    for (int64_t x = 0; x < p.patch; ++x) ++counts[labels[(row * p.patch + y) * p.width + column * p.patch + x]];
  }
  int32_t best = counts.begin()->first;
  for (const auto& [label, count] : counts) {
    if (count > counts[best]) best = label;
  }
  return best;
}

// torch.linspace(0, 1, points) in f32.
float linspace(int64_t points, int64_t i) {
  if (points == 1) return 0;
  const float step = 1.0f / static_cast<float>(points - 1);
  if (i < points / 2) return step * static_cast<float>(i);
  return static_cast<float>(1.0 - static_cast<double>(step) * static_cast<double>(points - 1 - i));
}

// Both factors have few digits and an integer's; what is rounded is the product, the other product, and their sum.
int64_t cell(int64_t start, int64_t end, float t) {
  volatile const float rest = 1.0f - t;
  volatile const float a = static_cast<float>(start) * rest, b = static_cast<float>(end) * t;
  volatile const float at = a + b;
  return std::lrint(static_cast<double>(at));
}

}  // namespace

void label_affinity(const LabelAffinityParams& p) {
  const int64_t n = p.grid_h * p.grid_w, tokens = n + 1, farthest = std::max(p.grid_h, p.grid_w) - 1;
  const int64_t taps = affinity_taps(n);
  std::vector<double> kernel;
  double total = 0;
  for (int64_t k = 0; k < taps; ++k) {
    kernel.push_back(std::exp(-std::pow(static_cast<double>(k - taps / 2) / kAffinitySigma, 2) / 2));
    total += kernel.back();
  }
  for (int64_t b = 0; b < p.batch; ++b) {
    int32_t* l = p.patch_labels + b * n;
    double* affinity = p.affinity + b * n * n;
    for (int64_t i = 0; i < n; ++i) {
      l[i] = most_frequent(p, p.labels + b * p.height * p.width, i / p.grid_w, i % p.grid_w);
    }
    double most = 0;
    for (int64_t i = 0; i < n; ++i) {
      std::vector<double> v;
      for (int64_t j = 0; j < n; ++j) {
        const int64_t y0 = i / p.grid_w, x0 = i % p.grid_w, y1 = j / p.grid_w, x1 = j % p.grid_w;
        const int64_t c = std::max(std::abs(y0 - y1), std::abs(x0 - x1));
        bool stays = true;
        for (int64_t s = 0; s <= c; ++s) {
          const float t = linspace(farthest + 1, s);
          stays = stays && l[cell(y0, y1, t) * p.grid_w + cell(x0, x1, t)] == l[i];
        }
        const double decay = stays ? 1 : std::exp(-static_cast<double>(c) / static_cast<double>(farthest));
        v.push_back(l[i] == l[j] ? decay : 0);
      }
      double sum = 0;
      for (int64_t j = 0; j < n; ++j) {
        double smooth = 0;
        for (int64_t k = 0; k < taps; ++k) {
          const int64_t at = j + k - taps / 2;
          if (at >= 0 && at < n) smooth += kernel[static_cast<size_t>(k)] / total * v[static_cast<size_t>(at)];
        }
        affinity[i * n + j] = smooth;
        sum += smooth;
      }
      p.largest[b * n + i] = 0;
      for (int64_t j = 0; j < n; ++j) {
        affinity[i * n + j] /= sum + 1e-8;
        p.largest[b * n + i] = std::max(p.largest[b * n + i], affinity[i * n + j]);
      }
      most = std::max(most, p.largest[b * n + i]);
    }
    for (int64_t i = 0; i < tokens; ++i) {
      for (int64_t j = 0; j < tokens; ++j) {
        double score = 0;
        if (i > 0 && j > 0) {
          const Float16 v = to_float16(static_cast<float>(affinity[(i - 1) * n + j - 1] / most));
          score = to_float(to_float16(p.lambda * to_float(v)));
        }
        const double omega = p.omega != nullptr ? p.omega[i * tokens + j] : 0;
        p.bias[(b * tokens + i) * tokens + j] = static_cast<float>(static_cast<double>(p.scale) * score + omega);
      }
    }
  }
}

}  // namespace sclip::ref
