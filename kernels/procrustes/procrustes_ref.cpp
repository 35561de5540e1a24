#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/procrustes/procrustes.h"

namespace sclip::ref {
namespace {

class Square {
 public:
  explicit Square(int64_t side) : side_(side), data_(static_cast<size_t>(side * side)) {}
  double& at(int64_t i, int64_t j) { return data_[static_cast<size_t>(i * side_ + j)]; }
  double at(int64_t i, int64_t j) const { return data_[static_cast<size_t>(i * side_ + j)]; }
  int64_t side() const { return side_; }

 private:
  int64_t side_;
  std::vector<double> data_;
};

Square product(const Square& a, const Square& b) {
  Square c(a.side());
  for (int64_t i = 0; i < a.side(); ++i) {
    for (int64_t j = 0; j < a.side(); ++j) {
      for (int64_t k = 0; k < a.side(); ++k) c.at(i, j) += a.at(i, k) * b.at(k, j);
    }
  }
  return c;
}

Square polar_factor(const Square& b) {
  const int64_t d = b.side();
  Square c(d);
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j < d; ++j) {
      for (int64_t k = 0; k < d; ++k) c.at(i, j) += b.at(k, i) * b.at(k, j);
    }
  }
  double squares = 0;
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j < d; ++j) squares += c.at(i, j) * c.at(i, j);
  }
  const double a = std::max(std::sqrt(squares), 1e-6);
  Square y(d), z(d);
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j < d; ++j) y.at(i, j) = c.at(i, j) / a + (i == j ? 1e-6 : 0.0);
    z.at(i, i) = 1;
  }
  for (int step = 0; step < 5; ++step) {
    const Square zy = product(z, y);
    Square t(d);
    for (int64_t i = 0; i < d; ++i) {
      for (int64_t j = 0; j < d; ++j) t.at(i, j) = 0.5 * ((i == j ? 3.0 : 0.0) - zy.at(i, j));
    }
    y = product(y, t);
    z = product(t, z);
  }
  Square r = product(b, z);
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j < d; ++j) r.at(i, j) /= std::sqrt(a);
  }
  return r;
}

void align_head(float* q, const float* k, int64_t stride, int64_t tokens, int64_t d, double alpha) {
  std::vector<double> weight(static_cast<size_t>(tokens), 0.0);
  double sum = 0;
  for (int64_t n = 1; n < tokens; ++n) {
    double squares = 0;
    for (int64_t c = 0; c < d; ++c) squares += static_cast<double>(q[n * stride + c]) * q[n * stride + c];
    weight[static_cast<size_t>(n)] = std::sqrt(squares);
    sum += std::sqrt(squares);
  }
  std::vector<double> mean_q(static_cast<size_t>(d)), mean_k(static_cast<size_t>(d));
  for (int64_t n = 0; n < tokens; ++n) {
    for (int64_t c = 0; c < d; ++c) {
      const double w = weight[static_cast<size_t>(n)] / (sum + 1e-6);
      mean_q[static_cast<size_t>(c)] += w * q[n * stride + c];
      mean_k[static_cast<size_t>(c)] += w * k[n * stride + c];
    }
  }
  Square b(d);
  for (int64_t n = 0; n < tokens; ++n) {
    for (int64_t i = 0; i < d; ++i) {
      for (int64_t j = 0; j < d; ++j) {
        b.at(i, j) +=
            (k[n * stride + i] - mean_k[static_cast<size_t>(i)]) * (q[n * stride + j] - mean_q[static_cast<size_t>(j)]);
      }
    }
  }
  const Square r = polar_factor(b);
  std::vector<double> row(static_cast<size_t>(d));
  for (int64_t n = 0; n < tokens; ++n) {
    for (int64_t i = 0; i < d; ++i) {
      double& out = row[static_cast<size_t>(i)];
      out = alpha * (k[n * stride + i] - mean_k[static_cast<size_t>(i)]);
      for (int64_t j = 0; j < d; ++j) out += q[n * stride + j] * r.at(i, j);
    }
    for (int64_t i = 0; i < d; ++i) q[n * stride + i] = static_cast<float>(row[static_cast<size_t>(i)]);
  }
}

}  // namespace

void procrustes(const ProcrustesParams& p) {
  const int64_t stride = 3 * p.heads * p.head_dim;
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t h = 0; h < p.heads; ++h) {
      float* q = static_cast<float*>(p.qkv) + b * p.tokens * stride + h * p.head_dim;
      align_head(q, q + p.heads * p.head_dim, stride, p.tokens, p.head_dim, p.alpha);
    }
  }
}

}  // namespace sclip::ref
