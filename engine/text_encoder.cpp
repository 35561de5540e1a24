#include "engine/text_encoder.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/arena.h"
#include "engine/text/prompt_trie.h"
#include "kernels/embed_tokens/embed_tokens.h"
#include "kernels/gather_rows/gather_rows.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/layernorm/layernorm.h"
#include "kernels/tree_attention/tree_attention.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// Nodes of one trie: enough rows for full GEMM speed, few enough that a layer's activations stay in the last cache.
constexpr int64_t kTrieNodes = 2048;

// The text tower stays in f32 whatever the backend prefers: a class's embedding is computed once, cached, and its error
// would shift every pixel's cosine with that class by the same amount.
constexpr DType kActivation = DType::kF32;

// GEMM plans are made per row count: rounding up lets the tries share them. The extra rows are never read.
int64_t plan_rows(int64_t rows) {
  return (rows + 63) / 64 * 64;
}

}  // namespace

struct TextEncoder::Workspace {
  Workspace(const TextEncoder& encoder, int64_t nodes)
      : max_rows(plan_rows(nodes)), element(static_cast<int64_t>(size_of(kActivation))) {
    const int64_t c = encoder.config_.width;
    ArenaPlan plan;
    const auto add = [&](int64_t bytes) { return plan.add(static_cast<size_t>(max_rows * bytes)); };
    const size_t at_tokens = add(c * 4);
    const size_t at_readouts = add(c * 4);
    const size_t at_normed = add(c * element);
    const size_t at_qkv = add(3 * c * element);
    const size_t at_hidden = add(encoder.config_.mlp_width * element);
    const size_t at_features = add(encoder.embed_dim_ * 4);
    const size_t at_ids = add(4 * 4);
    arena = encoder.backend_.allocate(plan.total());
    auto* base = static_cast<std::byte*>(arena->data());
    tokens = reinterpret_cast<float*>(base + at_tokens);
    readouts = reinterpret_cast<float*>(base + at_readouts);
    normed = base + at_normed;
    qkv = base + at_qkv;
    hidden = base + at_hidden;
    features = reinterpret_cast<float*>(base + at_features);
    ids = reinterpret_cast<int32_t*>(base + at_ids);
  }

  // Array `which` (0 … 3) of integers, in backend memory.
  const int32_t* upload(Stream& stream, int which, std::span<const int32_t> values) const {
    int32_t* device = ids + which * max_rows;
    stream.upload(device, values.data(), values.size_bytes());
    return device;
  }

  int64_t max_rows;
  int64_t element;
  std::unique_ptr<Memory> arena;
  float* tokens;    // (rows, C) residual stream
  float* readouts;  // (rows, C) its rows that are read out
  void* normed;     // (rows, C); also the attention's output
  void* qkv;        // (rows, 3, A, d)
  void* hidden;     // (rows, F)
  float* features;  // (rows, E)
  int32_t* ids;     // (4, rows)
};

TextEncoder::TextEncoder(const WeightBlob& blob, const Backend& backend)
    : backend_(backend),
      config_(blob.config().text),
      embed_dim_(blob.config().embed_dim),
      eps_(blob.config().layer_norm_eps),
      token_dtype_(blob.tensor("text.token_embedding").dtype),
      token_table_(backend.share_or_copy(blob.tensor("text.token_embedding"))),
      position_table_(backend.make_constant(blob.tensor("text.positional_embedding"))),
      ln_final_(load_norm(blob, backend, "text.ln_final")),
      projection_(load_linear(blob, backend, "text.projection", "", Epilogue::kNone, kActivation, DType::kF32, true)) {
  for (int i = 0; i < config_.layers; ++i)
    blocks_.push_back(load_block(blob, backend, str("text.blocks.", i, "."), kActivation));
}

// ln_1, qkv, attention: leaves its output in w.normed.
void TextEncoder::attend(Stream& stream, const Workspace& w, const BlockWeights& weights, int64_t rows,
                         const TreeAttentionParams& attention) const {
  stream.layernorm({.x = w.tokens,
                    .y = w.normed,
                    .gamma = weights.ln_1.g(),
                    .beta = weights.ln_1.b(),
                    .y_dtype = kActivation,
                    .rows = rows,
                    .cols = config_.width,
                    .eps = eps_});
  stream.linear(*weights.qkv, w.normed, plan_rows(rows), w.qkv);
  stream.tree_attention(attention);
}

void TextEncoder::feed_forward(Stream& stream, const Workspace& w, const BlockWeights& weights, float* tokens,
                               int64_t rows) const {
  stream.linear(*weights.out, w.normed, plan_rows(rows), tokens);
  stream.layernorm({.x = tokens,
                    .y = w.normed,
                    .gamma = weights.ln_2.g(),
                    .beta = weights.ln_2.b(),
                    .y_dtype = kActivation,
                    .rows = rows,
                    .cols = config_.width,
                    .eps = eps_});
  stream.linear(*weights.fc1, w.normed, plan_rows(rows), w.hidden);
  stream.linear(*weights.fc2, w.hidden, plan_rows(rows), tokens);
}

void TextEncoder::read_out(Stream& stream, const Workspace& w, const float* tokens, int64_t rows, float* out) const {
  stream.layernorm({.x = tokens,
                    .y = w.normed,
                    .gamma = ln_final_.g(),
                    .beta = ln_final_.b(),
                    .y_dtype = kActivation,
                    .rows = rows,
                    .cols = config_.width,
                    .eps = eps_});
  stream.linear(*projection_, w.normed, plan_rows(rows), w.features);
  stream.l2_normalize({.x = w.features, .y = w.features, .rows = rows, .cols = embed_dim_});
  stream.download(out, w.features, static_cast<size_t>(rows * embed_dim_) * sizeof(float));
  stream.synchronize();
}

void TextEncoder::encode_trie(Stream& stream, const Workspace& w, const PromptTrie& trie,
                              std::span<const int32_t> targets, float* out) const {
  const auto rows = static_cast<int64_t>(trie.size());
  const auto target_rows = static_cast<int64_t>(targets.size());
  stream.embed_tokens({.tokens = w.upload(stream, 0, trie.token),
                       .positions = w.upload(stream, 1, trie.position),
                       .token_table = token_table_->data(),
                       .position_table = static_cast<const float*>(position_table_->data()),
                       .out = w.tokens,
                       .table_dtype = token_dtype_,
                       .count = rows,
                       .width = config_.width});
  TreeAttentionParams attention{.qkv = w.qkv,
                                .out = w.normed,
                                .parent = w.upload(stream, 2, trie.parent),
                                .dtype = kActivation,
                                .nodes = rows,
                                .max_depth = config_.context,
                                .heads = config_.heads,
                                .head_dim = config_.head_dim(),
                                .softmax_scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim()))};
  for (size_t i = 0; i + 1 < blocks_.size(); ++i) {
    attend(stream, w, blocks_[i], rows, attention);
    feed_forward(stream, w, blocks_[i], w.tokens, rows);
  }
  // Of the last block only the end tokens' rows are ever read: the others give their K and V, no more.
  attention.targets = w.upload(stream, 3, targets);
  attention.targets_count = target_rows;
  attend(stream, w, blocks_.back(), rows, attention);
  stream.gather_rows(
      {.x = w.tokens, .indices = attention.targets, .out = w.readouts, .count = target_rows, .cols = config_.width});
  feed_forward(stream, w, blocks_.back(), w.readouts, target_rows);
  read_out(stream, w, w.readouts, target_rows, out);
}

AlignedBuffer<float> TextEncoder::encode(Stream& stream, std::span<const std::vector<int32_t>> prompts,
                                         const RunControl& control) const {
  AlignedBuffer<float> out(prompts.size() * static_cast<size_t>(embed_dim_));
  for (size_t i = 0; i < prompts.size(); ++i) {
    for (const int32_t token : prompts[i]) {
      SCLIP_CHECK(token >= 0 && token < config_.vocabulary, kInvalidArgument, "prompt ", i, " has token ", token,
                  "; the vocabulary has 0 to ", config_.vocabulary - 1);
    }
  }
  const PromptTries tries = build_prompt_tries(prompts, kTrieNodes, config_.context);

  size_t largest = 0;
  for (const PromptTrie& trie : tries.tries) largest = std::max(largest, trie.size());
  std::vector<std::vector<size_t>> prompts_of(tries.tries.size());
  for (size_t i = 0; i < prompts.size(); ++i) prompts_of[static_cast<size_t>(tries.readouts[i].trie)].push_back(i);

  std::optional<Workspace> workspace;
  std::vector<int32_t> target_of, targets;
  std::vector<float> features;
  int64_t nodes_done = 0;
  for (size_t t = 0; t < tries.tries.size(); ++t) {
    control.check();
    if (!workspace) workspace.emplace(*this, static_cast<int64_t>(largest));
    const PromptTrie& trie = tries.tries[t];
    target_of.assign(trie.size(), -1);
    targets.clear();
    for (const size_t i : prompts_of[t]) {
      const int32_t node = tries.readouts[i].node;
      if (target_of[static_cast<size_t>(node)] >= 0) continue;
      target_of[static_cast<size_t>(node)] = static_cast<int32_t>(targets.size());
      targets.push_back(node);
    }
    features.resize(targets.size() * static_cast<size_t>(embed_dim_));
    encode_trie(stream, *workspace, trie, targets, features.data());
    for (const size_t i : prompts_of[t]) {
      const auto row = static_cast<int64_t>(target_of[static_cast<size_t>(tries.readouts[i].node)]);
      std::copy_n(features.data() + row * embed_dim_, embed_dim_, out.data() + static_cast<int64_t>(i) * embed_dim_);
    }
    nodes_done += static_cast<int64_t>(trie.size());
    if (nodes_done < tries.nodes) control.report(static_cast<double>(nodes_done) / static_cast<double>(tries.nodes));
  }
  control.report(1);
  return out;
}

}  // namespace sclip
