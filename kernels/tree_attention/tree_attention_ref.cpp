#include <cmath>
#include <vector>

#include "kernels/tree_attention/tree_attention.h"

namespace sclip::ref {

void tree_attention(const TreeAttentionParams& p) {
  const int64_t width = p.heads * p.head_dim;
  const auto* qkv = static_cast<const float*>(p.qkv);
  const int64_t count = p.targets != nullptr ? p.targets_count : p.nodes;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t node = p.targets != nullptr ? p.targets[i] : i;
    for (int64_t h = 0; h < p.heads; ++h) {
      const float* q = qkv + node * 3 * width + h * p.head_dim;
      std::vector<double> out(static_cast<size_t>(p.head_dim), 0.0);
      double sum = 0;
      for (int64_t a = node; a >= 0; a = p.parent[a]) {
        const float* k = qkv + a * 3 * width + width + h * p.head_dim;
        double dot = 0;
        for (int64_t c = 0; c < p.head_dim; ++c) dot += static_cast<double>(q[c]) * static_cast<double>(k[c]);
        const double weight = std::exp(dot * static_cast<double>(p.softmax_scale));
        sum += weight;
        for (int64_t c = 0; c < p.head_dim; ++c) out[static_cast<size_t>(c)] += weight * k[width + c];
      }
      for (int64_t c = 0; c < p.head_dim; ++c) {
        static_cast<float*>(p.out)[i * width + h * p.head_dim + c] =
            static_cast<float>(out[static_cast<size_t>(c)] / sum);
      }
    }
  }
}

}  // namespace sclip::ref
