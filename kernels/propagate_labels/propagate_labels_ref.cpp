#include <cmath>
#include <vector>

#include "kernels/propagate_labels/propagate_labels.h"

namespace sclip::ref {
namespace {

using Values = std::vector<double>;

struct Plane {
  int64_t height, width;
  Values values;
  double at(int64_t y, int64_t x) const { return values[static_cast<size_t>(y * width + x)]; }
};

Plane resize(const Plane& in, int64_t height, int64_t width) {
  const auto source = [](int64_t n_in, int64_t n_out, int64_t i) {
    return std::max((static_cast<double>(i) + 0.5) * static_cast<double>(n_in) / static_cast<double>(n_out) - 0.5, 0.0);
  };
  Plane out{height, width, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double sy = source(in.height, height, y), sx = source(in.width, width, x);
      const auto y0 = std::min(static_cast<int64_t>(sy), in.height - 1), y1 = std::min(y0 + 1, in.height - 1);
      const auto x0 = std::min(static_cast<int64_t>(sx), in.width - 1), x1 = std::min(x0 + 1, in.width - 1);
      const double fy = sy - static_cast<double>(y0), fx = sx - static_cast<double>(x0);
      out.values.push_back((1 - fy) * ((1 - fx) * in.at(y0, x0) + fx * in.at(y0, x1)) +
                           fy * ((1 - fx) * in.at(y1, x0) + fx * in.at(y1, x1)));
    }
  }
  return out;
}

Plane shrink(const Plane& in, int64_t s_h, int64_t s_w) {
  Plane out{in.height / s_h, in.width / s_w, {}};
  for (int64_t y = 0; y < out.height; ++y) {
    for (int64_t x = 0; x < out.width; ++x) {
      double sum = 0;
      for (int64_t i = 0; i < s_h; ++i) {
        for (int64_t j = 0; j < s_w; ++j) sum += in.at(y * s_h + i, x * s_w + j);
      }
      out.values.push_back(sum / static_cast<double>(s_h * s_w));
    }
  }
  return out;
}

int64_t shrink_of(int64_t length, int64_t cells) {
  // In the usual rounding mode, halves to even.
  return std::max<int64_t>(1, std::llrint(static_cast<double>(length) / static_cast<double>(cells)));
}

struct Edge {
  size_t from, to;
  double weight;
};

// The edges of one direction.
std::vector<Edge> edges(const Plane& grey, const std::vector<Values>& p, const double* certainty, int64_t dy,
                        int64_t dx) {
  std::vector<Edge> out;
  double mean = 0;
  for (int64_t y = 0; y + dy < grey.height; ++y) {
    for (int64_t x = 0; x + dx < grey.width; ++x) {
      const auto from = static_cast<size_t>(y * grey.width + x), to = from + static_cast<size_t>(dy * grey.width + dx);
      out.push_back({from, to, std::abs(grey.values[to] - grey.values[from])});
      mean += out.back().weight;
    }
  }
  if (out.empty()) return out;
  mean /= static_cast<double>(out.size());
  for (Edge& e : out) {
    double alike = 0;
    for (size_t k = 0; k < p.size(); ++k) alike += certainty[k] * p[k][e.from] * p[k][e.to];
    e.weight = std::clamp(std::exp(-5 * e.weight / (mean + 1e-6)) * (1 + std::clamp(alike, 0.0, 1.0)), 0.0, 1.0);
  }
  return out;
}

double dot(const std::vector<Values>& a, const std::vector<Values>& b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    for (size_t i = 0; i < a[k].size(); ++i) sum += a[k][i] * b[k][i];
  }
  return sum;
}

}  // namespace

void propagate_labels(const PropagateLabelsParams& params, int64_t iterations, double* planes) {
  const int64_t s_h = shrink_of(params.height, params.cells), s_w = shrink_of(params.width, params.cells);
  const auto queries = static_cast<size_t>(params.queries);
  const auto pixels = params.height * params.width, image_pixels = params.image_height * params.image_width;
  Plane image{params.image_height, params.image_width, {}};
  for (int64_t i = 0; i < image_pixels; ++i) {
    image.values.push_back(0.299 * static_cast<double>(params.image[i]) +
                           0.587 * static_cast<double>(params.image[image_pixels + i]) +
                           0.114 * static_cast<double>(params.image[2 * image_pixels + i]));
  }
  const Plane grey = shrink(resize(image, params.height, params.width), s_h, s_w);
  std::vector<Values> start;
  for (size_t k = 0; k < queries; ++k) {
    const double* plane = planes + static_cast<int64_t>(k) * pixels;
    start.push_back(shrink({params.height, params.width, {plane, plane + pixels}}, s_h, s_w).values);
  }

  const size_t cells = grey.values.size();
  std::vector<Values> p = start;
  Values confidence(cells);
  for (size_t i = 0; i < cells; ++i) {
    double sum = 0, most = 0, sure = 0;
    for (size_t k = 0; k < queries; ++k) sum += p[k][i] = std::exp(start[k][i]);
    for (size_t k = 0; k < queries; ++k) {
      p[k][i] /= sum;
      most = std::max(most, p[k][i]);
      sure += params.certainty[k] * p[k][i] * p[k][i];
    }
    confidence[i] = std::pow(std::max(most, 0.05), 2) * (1 + std::clamp(sure, 0.0, 1.0));
  }
  std::vector<Edge> all = edges(grey, p, params.certainty, 0, 1);
  for (const Edge& e : edges(grey, p, params.certainty, 1, 0)) all.push_back(e);
  const auto apply = [&](const std::vector<Values>& x) {
    std::vector<Values> out = x;
    for (size_t k = 0; k < queries; ++k) {
      for (size_t i = 0; i < cells; ++i) out[k][i] = confidence[i] * x[k][i];
      for (const Edge& e : all) {
        out[k][e.from] += e.weight * (x[k][e.from] - x[k][e.to]);
        out[k][e.to] += e.weight * (x[k][e.to] - x[k][e.from]);
      }
    }
    return out;
  };

  std::vector<Values> x = start, residual = apply(x);
  for (size_t k = 0; k < queries; ++k) {
    for (size_t i = 0; i < cells; ++i) residual[k][i] = confidence[i] * start[k][i] - residual[k][i];
  }
  std::vector<Values> direction = residual;
  double squares = dot(residual, residual);
  for (int64_t n = 0; n < iterations; ++n) {
    const std::vector<Values> product = apply(direction);
    const double length = squares / (dot(direction, product) + 1e-12);
    for (size_t k = 0; k < queries; ++k) {
      for (size_t i = 0; i < cells; ++i) {
        x[k][i] += length * direction[k][i];
        residual[k][i] -= length * product[k][i];
      }
    }
    const double now = dot(residual, residual), keep = now / (squares + 1e-12);
    squares = now;
    for (size_t k = 0; k < queries; ++k) {
      for (size_t i = 0; i < cells; ++i) direction[k][i] = residual[k][i] + keep * direction[k][i];
    }
  }
  for (size_t k = 0; k < queries; ++k) {
    const Plane out = resize({grey.height, grey.width, x[k]}, params.height, params.width);
    std::copy(out.values.begin(), out.values.end(), planes + static_cast<int64_t>(k) * pixels);
  }
}

}  // namespace sclip::ref
