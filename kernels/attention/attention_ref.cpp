#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/attention/attention.h"

namespace sclip::ref {
namespace {

using Matrix = std::vector<double>;  // (N, N)

double at(const AttentionParams& p, const AttentionMatrix& m, int64_t b, int64_t h, int64_t i, int64_t j) {
  const int64_t row = m.row_stride != 0 ? m.row_stride : p.tokens;
  return m.data[b * m.batch_stride + h * m.head_stride + i * row + j];
}

// Adds softmax_weight · softmax(scale · left·rightᵀ + bias) to `sum`; null vectors have products of 0.
void add_softmax(const AttentionParams& p, int64_t b, int64_t h, const float* left, const float* right, Matrix& sum) {
  const int64_t stride = 3 * p.heads * p.head_dim;
  double scale = p.softmax_scale;
  if (p.window_scales != nullptr) scale *= p.window_scales[b];
  std::vector<double> row(static_cast<size_t>(p.tokens));
  for (int64_t i = 0; i < p.tokens; ++i) {
    const int64_t visible = p.causal ? i + 1 : p.tokens;
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t j = 0; j < visible; ++j) {
      double score = 0;
      for (int64_t c = 0; left != nullptr && c < p.head_dim; ++c) {
        score += static_cast<double>(left[i * stride + c]) * static_cast<double>(right[j * stride + c]);
      }
      score *= scale;
      if (p.bias.data != nullptr) score += at(p, p.bias, b, h, i, j);
      row[static_cast<size_t>(j)] = score;
      largest = std::max(largest, score);
    }
    double total = 0;
    for (int64_t j = 0; j < visible; ++j) total += std::exp(row[static_cast<size_t>(j)] - largest);
    for (int64_t j = 0; j < visible; ++j) {
      sum[static_cast<size_t>(i * p.tokens + j)] +=
          p.softmax_weight * std::exp(row[static_cast<size_t>(j)] - largest) / total;
    }
  }
}

Matrix probabilities_of(const AttentionParams& p, int64_t b, int64_t h, const float* q, const float* k,
                        const float* v) {
  Matrix sum(static_cast<size_t>(p.tokens * p.tokens), 0.0);
  const auto add = [&](const float* side) { add_softmax(p, b, h, side, side, sum); };
  switch (p.scores) {
    case AttentionScores::kQueryKey: add_softmax(p, b, h, q, k, sum); break;
    case AttentionScores::kQueryQuery: add(q); break;
    case AttentionScores::kKeyKey: add(k); break;
    case AttentionScores::kValueValue: add(v); break;
    case AttentionScores::kBias: add(nullptr); break;
    case AttentionScores::kNone: break;
    case AttentionScores::kCorrelative: add(q), add(k); break;
    case AttentionScores::kSelfSelf: add(q), add(k), add(v); break;
    case AttentionScores::kIdentity:
      for (int64_t i = 0; i < p.tokens; ++i) sum[static_cast<size_t>(i * p.tokens + i)] = 1;
      break;
  }
  for (int64_t i = 0; p.added.data != nullptr && i < p.tokens; ++i) {
    for (int64_t j = 0; j < p.tokens; ++j) {
      sum[static_cast<size_t>(i * p.tokens + j)] += p.added_weight * at(p, p.added, b, h, i, j);
    }
  }
  return sum;
}

void return_probabilities(const AttentionParams& p, int64_t b, int64_t h, const Matrix& head, Matrix& mean) {
  const auto elements = p.tokens * p.tokens;
  if (p.mean_of_heads) {
    for (size_t i = 0; i < head.size(); ++i) mean[i] += head[i] / static_cast<double>(p.heads);
    if (h + 1 < p.heads) return;
  }
  float* to = p.probabilities + (p.mean_of_heads ? b : b * p.heads + h) * elements;
  const Matrix& from = p.mean_of_heads ? mean : head;
  for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(from[i] + (p.accumulate ? to[i] : 0.0));
}

}  // namespace

void attention(const AttentionParams& p) {
  const int64_t width = p.heads * p.head_dim;
  for (int64_t b = 0; b < p.batch; ++b) {
    Matrix mean(p.mean_of_heads ? static_cast<size_t>(p.tokens * p.tokens) : 0, 0.0);
    for (int64_t h = 0; h < p.heads; ++h) {
      const float* q = nullptr;
      if (p.qkv != nullptr) q = static_cast<const float*>(p.qkv) + b * p.tokens * 3 * width + h * p.head_dim;
      const float* k = q != nullptr ? q + width : nullptr;
      const float* v = q != nullptr ? k + width : nullptr;
      const float* values = v;
      if (p.values != nullptr) {
        values = static_cast<const float*>(p.values) + (b * p.tokens * 3 + 2) * width + h * p.head_dim;
      }
      const Matrix sum = probabilities_of(p, b, h, q, k, v);
      if (p.probabilities != nullptr) return_probabilities(p, b, h, sum, mean);
      for (int64_t i = 0; p.out != nullptr && i < p.tokens; ++i) {
        for (int64_t c = 0; c < p.head_dim; ++c) {
          double value = 0;
          for (int64_t j = 0; j < p.tokens; ++j) {
            value += sum[static_cast<size_t>(i * p.tokens + j)] * values[j * 3 * width + c];
          }
          static_cast<float*>(p.out)[((b * p.tokens + i) * p.heads + h) * p.head_dim + c] = static_cast<float>(value);
        }
      }
    }
  }
}

void attention_magnitude(const AttentionParams& p, const float* probabilities, const float* values, float* magnitude) {
  const int64_t n = p.tokens;
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t h = 0; h < p.heads; ++h) {
      for (int64_t i = 0; i < n; ++i) {
        float* const to = magnitude + ((b * n + i) * p.heads + h) * p.head_dim;
        std::fill_n(to, p.head_dim, 0.0f);
        for (int64_t j = 0; j < n; ++j) {
          const float weight = std::abs(probabilities[((b * p.heads + h) * n + i) * n + j]);
          const float* const v = values + (((b * n + j) * 3 + 2) * p.heads + h) * p.head_dim;
          for (int64_t d = 0; d < p.head_dim; ++d) to[d] += weight * std::abs(v[d]);
        }
      }
    }
  }
}

}  // namespace sclip::ref
