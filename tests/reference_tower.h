// The image tower in double, step by step: the oracle for programs over its blocks. Written from CLIP's definition; the
// positions of a grid that is not the native one come from the engine's table, which the goldens check.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "engine/position_table.h"
#include "sclip/error.h"
#include "weights/weight_blob.h"

namespace sclip::testing {

struct Rows {
  int64_t rows = 0, cols = 0;
  std::vector<double> values;

  Rows(int64_t r, int64_t c) : rows(r), cols(c), values(static_cast<size_t>(r * c)) {}
  double& at(int64_t r, int64_t c) { return values[static_cast<size_t>(r * cols + c)]; }
  double at(int64_t r, int64_t c) const { return values[static_cast<size_t>(r * cols + c)]; }
};

inline Rows operator+(Rows a, const Rows& b) {
  for (size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
  return a;
}

class ReferenceTower {
 public:
  explicit ReferenceTower(const WeightBlob& blob) : blob_(blob), config_(blob.config()) {}

  // `image` (3, height, width); the window's corner and size in pixels. Tokens before block 0.
  Rows embed(const std::vector<float>& image, int64_t height, int64_t width, int64_t x0, int64_t y0, int64_t window_h,
             int64_t window_w) const {
    const int64_t p = config_.vision.patch_size, c = config_.vision.width;
    const int64_t h = window_h / p, w = window_w / p;
    const std::vector<double> conv1 = weights("visual.patch_embed.weight");
    const std::vector<double> class_embedding = weights("visual.class_embedding");
    const std::vector<double> native = weights("visual.positional_embedding");
    const std::vector<float> table(native.begin(), native.end());
    const auto positions = position_table(table.data(), static_cast<int64_t>(table.size()) / c, c, h, w);
    Rows x(1 + h * w, c);
    for (int64_t i = 0; i < x.rows; ++i) {
      for (int64_t channel = 0; channel < c; ++channel) {
        double sum = i == 0 ? class_embedding[static_cast<size_t>(channel)] : 0;
        for (int64_t k = 0; i > 0 && k < 3 * p * p; ++k) {
          const int64_t plane = k / (p * p), row = k / p % p, column = k % p;
          const int64_t pixel_y = y0 + (i - 1) / w * p + row, pixel_x = x0 + (i - 1) % w * p + column;
          sum += static_cast<double>(image[static_cast<size_t>((plane * height + pixel_y) * width + pixel_x)]) *
                 conv1[static_cast<size_t>(channel * 3 * p * p + k)];
        }
        x.at(i, channel) = sum + static_cast<double>(positions[static_cast<size_t>(i * c + channel)]);
      }
    }
    return norm(x, "visual.ln_pre");
  }

  // Blocks first … last − 1.
  Rows run_blocks(Rows x, int first, int last) const {
    for (int i = first; i < last; ++i) {
      x = x + attended(x, i, 'q', 'k');
      x = x + mlp(x, i);
    }
    return x;
  }

  // out_proj(softmax(a·bᵀ/√d) · v) of block i over the rows given; a and b are q or k.
  Rows attended(const Rows& x, int i, char a, char b) const {
    const int64_t c = x.cols, n = x.rows, heads = config_.vision.heads, d = c / heads;
    const Rows qkv = linear(norm(x, block(i) + "ln_1"), block(i) + "attn.qkv");
    const auto part = [&](char which) { return which == 'q' ? int64_t{0} : c; };
    Rows out(n, c);
    std::vector<double> row(static_cast<size_t>(n));
    for (int64_t head = 0; head < heads; ++head) {
      for (int64_t q = 0; q < n; ++q) {
        double sum = 0;
        for (int64_t k = 0; k < n; ++k) {
          double score = 0;
          for (int64_t j = 0; j < d; ++j) {
            score += qkv.at(q, part(a) + head * d + j) * qkv.at(k, part(b) + head * d + j);
          }
          sum += row[static_cast<size_t>(k)] = std::exp(score / std::sqrt(static_cast<double>(d)));
        }
        for (int64_t k = 0; k < n; ++k) {
          for (int64_t j = 0; j < d; ++j) {
            out.at(q, head * d + j) += row[static_cast<size_t>(k)] / sum * qkv.at(k, 2 * c + head * d + j);
          }
        }
      }
    }
    return linear(out, block(i) + "attn.out");
  }

  // Unit features.
  Rows project(const Rows& x) const {
    const Rows normed = norm(x, "visual.ln_post");
    const std::vector<double> projection = weights("visual.projection");  // (C, E)
    Rows out(x.rows, config_.embed_dim);
    for (int64_t r = 0; r < out.rows; ++r) {
      double squares = 0;
      for (int64_t e = 0; e < out.cols; ++e) {
        for (int64_t k = 0; k < x.cols; ++k) {
          out.at(r, e) += normed.at(r, k) * projection[static_cast<size_t>(k * out.cols + e)];
        }
        squares += out.at(r, e) * out.at(r, e);
      }
      for (int64_t e = 0; e < out.cols; ++e) out.at(r, e) /= std::sqrt(squares);
    }
    return out;
  }

  static Rows patches(const Rows& x) { return part(x, 1, x.rows); }
  static Rows class_token(const Rows& x) { return part(x, 0, 1); }

 private:
  static std::string block(int i) { return "visual.blocks." + std::to_string(i) + "."; }
  static Rows part(const Rows& x, int64_t first, int64_t last) {
    Rows out(last - first, x.cols);
    std::copy(x.values.begin() + first * x.cols, x.values.begin() + last * x.cols, out.values.begin());
    return out;
  }

  std::vector<double> weights(const std::string& name) const {
    const TensorView tensor = blob_.tensor(name);
    std::vector<float> values(static_cast<size_t>(tensor.shape.count()));
    convert_to_f32(tensor.dtype, tensor.data, values.data(), values.size());
    return {values.begin(), values.end()};
  }

  Rows norm(const Rows& x, const std::string& name) const {
    const std::vector<double> gamma = weights(name + ".weight"), beta = weights(name + ".bias");
    Rows out(x.rows, x.cols);
    for (int64_t r = 0; r < x.rows; ++r) {
      double mean = 0, variance = 0;
      for (int64_t c = 0; c < x.cols; ++c) mean += x.at(r, c) / static_cast<double>(x.cols);
      for (int64_t c = 0; c < x.cols; ++c) variance += std::pow(x.at(r, c) - mean, 2) / static_cast<double>(x.cols);
      const double scale = 1 / std::sqrt(variance + static_cast<double>(config_.layer_norm_eps));
      for (int64_t c = 0; c < x.cols; ++c) {
        out.at(r, c) = (x.at(r, c) - mean) * scale * gamma[static_cast<size_t>(c)] + beta[static_cast<size_t>(c)];
      }
    }
    return out;
  }

  Rows linear(const Rows& x, const std::string& name) const {
    const std::vector<double> weight = weights(name + ".weight"), bias = weights(name + ".bias");
    Rows out(x.rows, static_cast<int64_t>(bias.size()));
    for (int64_t r = 0; r < out.rows; ++r) {
      for (int64_t c = 0; c < out.cols; ++c) {
        double sum = bias[static_cast<size_t>(c)];
        for (int64_t k = 0; k < x.cols; ++k) sum += x.at(r, k) * weight[static_cast<size_t>(c * x.cols + k)];
        out.at(r, c) = sum;
      }
    }
    return out;
  }

  Rows mlp(const Rows& x, int i) const {
    Rows hidden = linear(norm(x, block(i) + "ln_2"), block(i) + "mlp.fc1");
    for (double& z : hidden.values) {
      z *= config_.activation == Activation::kQuickGelu ? 1 / (1 + std::exp(-1.702 * z))
                                                        : 0.5 * (1 + std::erf(z / std::sqrt(2.0)));
    }
    return linear(hidden, block(i) + "mlp.fc2");
  }

  const WeightBlob& blob_;
  const ModelConfig& config_;
};

}  // namespace sclip::testing
