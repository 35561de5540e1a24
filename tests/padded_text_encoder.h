// CLIP's text tower the plain way: every prompt padded to the context and encoded by itself. The yardstick of the
// tries.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "engine/transformer.h"
#include "kernels/attention/attention.h"
#include "kernels/embed_tokens/embed_tokens.h"
#include "kernels/gather_rows/gather_rows.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/layernorm/layernorm.h"
#include "sclip/engine.h"

namespace sclip::testing {

class PaddedTextEncoder {
 public:
  explicit PaddedTextEncoder(const Engine& engine)
      : backend_(engine.backend()),
        config_(engine.config().text),
        embed_dim_(engine.config().embed_dim),
        eps_(engine.config().layer_norm_eps),
        token_dtype_(engine.blob().tensor("text.token_embedding").dtype),
        tokens_(backend_.share_or_copy(engine.blob().tensor("text.token_embedding"))),
        positions_(backend_.make_constant(engine.blob().tensor("text.positional_embedding"))),
        ln_final_(load_norm(engine.blob(), backend_, "text.ln_final")),
        projection_(load_linear(engine.blob(), backend_, "text.projection", "", Epilogue::kNone, DType::kF32,
                                DType::kF32, true)) {
    for (int i = 0; i < config_.layers; ++i) {
      blocks_.push_back(load_block(engine.blob(), backend_, "text.blocks." + std::to_string(i) + ".", DType::kF32));
    }
  }

  // (prompts, E), unit length.
  AlignedBuffer<float> encode(Stream& stream, std::span<const std::vector<int32_t>> prompts) const {
    constexpr int64_t kBatch = 16;
    const int64_t context = config_.context, c = config_.width;
    const auto room = [&](int64_t values) {
      return backend_.allocate(static_cast<size_t>(kBatch * context * values) * 4);
    };
    const auto x = room(c), normed = room(c), qkv = room(3 * c), hidden = room(config_.mlp_width), ends = room(c);
    const auto features = room(embed_dim_), ids = room(3);
    const auto upload = [&](int64_t which, const std::vector<int32_t>& values) {
      int32_t* to = static_cast<int32_t*>(ids->data()) + which * kBatch * context;
      stream.upload(to, values.data(), values.size() * sizeof(int32_t));
      return to;
    };
    const auto norm = [&](const NormWeights& weights, const void* from, int64_t rows) {
      stream.layernorm({.x = static_cast<const float*>(from),
                        .y = normed->data(),
                        .gamma = weights.g(),
                        .beta = weights.b(),
                        .rows = rows,
                        .cols = c,
                        .eps = eps_});
    };
    AlignedBuffer<float> out(prompts.size() * static_cast<size_t>(embed_dim_));
    for (size_t first = 0; first < prompts.size(); first += kBatch) {
      const auto batch = std::min<int64_t>(kBatch, static_cast<int64_t>(prompts.size() - first));
      const int64_t rows = batch * context;
      std::vector<int32_t> tokens(static_cast<size_t>(rows), 0), positions(static_cast<size_t>(rows)), last;
      for (int64_t b = 0; b < batch; ++b) {
        const std::vector<int32_t>& prompt = prompts[first + static_cast<size_t>(b)];
        std::copy(prompt.begin(), prompt.end(), tokens.begin() + b * context);
        for (int64_t i = 0; i < context; ++i) positions[static_cast<size_t>(b * context + i)] = static_cast<int32_t>(i);
        last.push_back(static_cast<int32_t>(b * context + std::ssize(prompt) - 1));
      }
      stream.embed_tokens({.tokens = upload(0, tokens),
                           .positions = upload(1, positions),
                           .token_table = tokens_->data(),
                           .position_table = static_cast<const float*>(positions_->data()),
                           .out = static_cast<float*>(x->data()),
                           .table_dtype = token_dtype_,
                           .count = rows,
                           .width = c});
      for (const BlockWeights& block : blocks_) {
        norm(block.ln_1, x->data(), rows);
        stream.linear(*block.qkv, normed->data(), rows, qkv->data());
        stream.attention({.qkv = qkv->data(),
                          .out = normed->data(),
                          .causal = true,
                          .batch = batch,
                          .tokens = context,
                          .heads = config_.heads,
                          .head_dim = config_.head_dim(),
                          .softmax_scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim()))});
        stream.linear(*block.out, normed->data(), rows, x->data());
        norm(block.ln_2, x->data(), rows);
        stream.linear(*block.fc1, normed->data(), rows, hidden->data());
        stream.linear(*block.fc2, hidden->data(), rows, x->data());
      }
      stream.gather_rows({.x = static_cast<const float*>(x->data()),
                          .indices = upload(2, last),
                          .out = static_cast<float*>(ends->data()),
                          .count = batch,
                          .cols = c});
      norm(ln_final_, ends->data(), batch);
      stream.linear(*projection_, normed->data(), batch, features->data());
      stream.l2_normalize({.x = features->data(), .y = features->data(), .rows = batch, .cols = embed_dim_});
      stream.download(out.data() + first * static_cast<size_t>(embed_dim_), features->data(),
                      static_cast<size_t>(batch * embed_dim_) * sizeof(float));
      stream.synchronize();
    }
    return out;
  }

 private:
  const Backend& backend_;
  TextConfig config_;
  int64_t embed_dim_;
  float eps_;
  DType token_dtype_;
  std::unique_ptr<Memory> tokens_, positions_;  // (V, C), (T, C)
  NormWeights ln_final_;
  std::unique_ptr<Linear> projection_;
  std::vector<BlockWeights> blocks_;
};

}  // namespace sclip::testing
