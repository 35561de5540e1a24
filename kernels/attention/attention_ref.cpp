#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention/attention.h"

namespace sclip::ref {
namespace {

// Adds softmax(scale · left·rightᵀ + bias) · v of one head to `out` (N, d).
void add_attention(const AttentionParams& p, const float* left, const float* right, const float* v,
                   std::vector<double>& out) {
  const int64_t stride = 3 * p.heads * p.head_dim;
  std::vector<double> row(static_cast<size_t>(p.tokens));
  for (int64_t i = 0; i < p.tokens; ++i) {
    const int64_t visible = p.causal ? i + 1 : p.tokens;
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t j = 0; j < visible; ++j) {
      double dot = 0;
      for (int64_t c = 0; c < p.head_dim; ++c) {
        dot += static_cast<double>(left[i * stride + c]) * static_cast<double>(right[j * stride + c]);
      }
      dot *= static_cast<double>(p.softmax_scale);
      if (p.bias != nullptr) dot += p.bias[i * p.tokens + j];
      row[static_cast<size_t>(j)] = dot;
      largest = std::max(largest, dot);
    }
    double sum = 0;
    for (int64_t j = 0; j < visible; ++j)
      sum += row[static_cast<size_t>(j)] = std::exp(row[static_cast<size_t>(j)] - largest);
    for (int64_t j = 0; j < visible; ++j) {
      for (int64_t c = 0; c < p.head_dim; ++c) {
        out[static_cast<size_t>(i * p.head_dim + c)] += row[static_cast<size_t>(j)] / sum * v[j * stride + c];
      }
    }
  }
}

}  // namespace

void attention(const AttentionParams& p) {
  const int64_t width = p.heads * p.head_dim;
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t h = 0; h < p.heads; ++h) {
      const float* q = static_cast<const float*>(p.qkv) + b * p.tokens * 3 * width + h * p.head_dim;
      const float* k = q + width;
      const float* v = k + width;
      std::vector<double> out(static_cast<size_t>(p.tokens * p.head_dim), 0.0);
      switch (p.scores) {
        case AttentionScores::kQueryKey: add_attention(p, q, k, v, out); break;
        case AttentionScores::kQueryQuery: add_attention(p, q, q, v, out); break;
        case AttentionScores::kKeyKey: add_attention(p, k, k, v, out); break;
        case AttentionScores::kCorrelative:
          add_attention(p, q, q, v, out);
          add_attention(p, k, k, v, out);
          break;
        case AttentionScores::kIdentity:
          for (int64_t i = 0; i < p.tokens; ++i) {
            for (int64_t c = 0; c < p.head_dim; ++c)
              out[static_cast<size_t>(i * p.head_dim + c)] = v[i * 3 * width + c];
          }
          break;
      }
      for (int64_t i = 0; i < p.tokens; ++i) {
        for (int64_t c = 0; c < p.head_dim; ++c) {
          static_cast<float*>(p.out)[((b * p.tokens + i) * p.heads + h) * p.head_dim + c] =
              static_cast<float>(out[static_cast<size_t>(i * p.head_dim + c)]);
        }
      }
    }
  }
}

}  // namespace sclip::ref
