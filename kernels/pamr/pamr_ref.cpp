#include <cmath>
#include <vector>

#include "kernels/pamr/pamr.h"

namespace sclip::ref {
namespace {

struct Plane {
  int64_t height, width;
  std::vector<double> values;
  // The nearest pixel, for coordinates outside.
  double at(int64_t y, int64_t x) const {
    y = std::clamp<int64_t>(y, 0, height - 1);
    x = std::clamp<int64_t>(x, 0, width - 1);
    return values[static_cast<size_t>(y * width + x)];
  }
};

Plane resize(const Plane& in, int64_t height, int64_t width) {
  const auto source = [](int64_t n_in, int64_t n_out, int64_t i) {
    if (n_in == n_out) return static_cast<float>(i);
    const float scale = static_cast<float>(n_in) / static_cast<float>(n_out);
    return std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
  };
  Plane out{height, width, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const float sy = source(in.height, height, y), sx = source(in.width, width, x);
      const auto y0 = static_cast<int64_t>(sy), x0 = static_cast<int64_t>(sx);
      const double fy = sy - static_cast<float>(y0), fx = sx - static_cast<float>(x0);
      const auto across = [&](int64_t row) { return in.at(row, x0) + fx * (in.at(row, x0 + 1) - in.at(row, x0)); };
      out.values.push_back(across(y0) + fy * (across(y0 + 1) - across(y0)));
    }
  }
  return out;
}

struct Offset {
  int64_t y, x;
};

struct Neighbourhood {
  std::vector<Offset> neighbours, samples;
};

Neighbourhood neighbourhood(const PamrDilations& dilations) {
  Neighbourhood out;
  for (const int64_t d : dilations) {
    if (d == 0) continue;
    for (int64_t y = -1; y <= 1; ++y) {
      for (int64_t x = -1; x <= 1; ++x) {
        out.samples.push_back({y * d, x * d});
        if (y != 0 || x != 0) out.neighbours.push_back({y * d, x * d});
      }
    }
  }
  return out;
}

}  // namespace

void pamr_weights(const PamrWeightsParams& p, double* weights) {
  const auto [neighbours, samples] = neighbourhood(p.dilations);
  std::vector<Plane> guide;
  for (int64_t c = 0; c < 3; ++c) {
    const int64_t row = p.image_row_stride != 0 ? p.image_row_stride : p.image_width;
    const float* from = p.image + c * (p.image_plane_stride != 0 ? p.image_plane_stride : p.image_height * row);
    if (p.corner != nullptr) from += p.corner->y * row + p.corner->x;
    Plane plane{p.image_height, p.image_width, {}};
    for (int64_t y = 0; y < p.image_height; ++y) {
      plane.values.insert(plane.values.end(), from + y * row, from + y * row + p.image_width);
    }
    guide.push_back(resize(plane, p.height, p.width));
  }

  for (int64_t y = 0; y < p.height; ++y) {
    for (int64_t x = 0; x < p.width; ++x) {
      std::vector<double> affinity(neighbours.size(), 0.0);
      for (const Plane& g : guide) {
        double mean = 0, squares = 0;
        for (const Offset& s : samples) mean += g.at(y + s.y, x + s.x) / static_cast<double>(samples.size());
        for (const Offset& s : samples) squares += std::pow(g.at(y + s.y, x + s.x) - mean, 2);
        const double deviation = std::sqrt(squares / static_cast<double>(samples.size() - 1));
        for (size_t n = 0; n < neighbours.size(); ++n) {
          const double difference = std::abs(g.at(y, x) - g.at(y + neighbours[n].y, x + neighbours[n].x));
          affinity[n] -= difference / (1e-8 + 0.1 * deviation) / 3;
        }
      }
      const double most = *std::max_element(affinity.begin(), affinity.end());
      double sum = 0;
      for (double& a : affinity) sum += a = std::exp(a - most);
      for (size_t n = 0; n < neighbours.size(); ++n) {
        weights[(static_cast<int64_t>(n) * p.height + y) * p.width + x] = affinity[n] / sum;
      }
    }
  }
}

void pamr(const double* weights, const PamrParams& p) {
  const std::vector<Offset> neighbours = neighbourhood(p.dilations).neighbours;
  const int64_t pixels = p.height * p.width;
  for (int64_t k = 0; k < p.count; ++k) {
    float* plane = p.planes + k * pixels;
    Plane now{p.height, p.width, {plane, plane + pixels}};
    for (int64_t i = 0; i < p.iterations; ++i) {
      Plane next = now;
      for (int64_t y = 0; y < p.height; ++y) {
        for (int64_t x = 0; x < p.width; ++x) {
          const auto pixel = static_cast<size_t>(y * p.width + x);
          double sum = 0;
          for (size_t n = 0; n < neighbours.size(); ++n) {
            sum += weights[n * static_cast<size_t>(pixels) + pixel] * now.at(y + neighbours[n].y, x + neighbours[n].x);
          }
          next.values[pixel] = sum;
        }
      }
      now = next;
    }
    std::copy(now.values.begin(), now.values.end(), plane);
  }
}

}  // namespace sclip::ref
