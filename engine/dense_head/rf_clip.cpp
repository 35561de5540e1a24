// As the released code has it:
//   blocks   ordinary ones; after each the sink patches are softened (kernels/soften_sinks) and the next block reads
//            that: g_l. K_l = σ(k·kᵀ) of each block, per head, the class token included, is kept as a running sum.
//   last     an ordinary last block gives g_12 and the global vector e = unit(projection(ln_post(its class token)))
//   G        the mean of g_1 … g_12; S the cosines of its patches, those below 0.4 set to 0
//   passes   the last block's A = 1/12 Σ K_l[patches, patches] on v, with K_12 of the pass's own input: on S·g_11, and
//   on
//            S·G; their class tokens as they are. out_proj; the mean of both; ln_post; projection
//   words    kernels/adapt_words, with the fit g_t = cos(e, t), e of the whole photo or of the window
// Rows of S are divided by their sums, which ln_1 takes out again but for its epsilon: 4e-7 in the unit features.
// The class token's column of A is cut by setting its v to zero, so that one call of attention makes and uses K_12.
#include "engine/dense_head/rf_clip.h"

#include <charconv>

#include "engine/dense_head/word_clusters.h"
#include "kernels/adapt_words/adapt_words.h"
#include "kernels/add_rows/add_rows.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/matmul/matmul.h"
#include "kernels/similarity_maps/similarity_maps.h"
#include "kernels/soften_sinks/soften_sinks.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr const char* kZeros = "a row of zeros";

// The channels in which sink patches stand out, of the towers for which they were published: ViT-B/16's and ViT-L/14's.
std::vector<int32_t> published_channels(int width) {
  if (width == 768) return {4, 162, 189, 326, 429, 474, 633, 713};
  if (width == 1024) return {250, 261, 437, 650, 720, 779, 936, 1005};
  return {};
}

std::vector<int32_t> parse_channels(std::string_view text, int width) {
  if (text == "published") return published_channels(width);
  std::vector<int32_t> out;
  if (text == "none") return out;
  for (std::string_view rest = text; !rest.empty() || out.empty();) {
    const std::string_view item = rest.substr(0, rest.find('+'));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    int32_t channel = -1;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), channel);
    SCLIP_CHECK(error == std::errc{} && end == item.data() + item.size() && channel >= 0 && channel < width,
                kInvalidArgument, "policy rf-clip: option 'sinks' is published, none, or channels of 0 to ", width - 1,
                " with + between them, not '", text, "'");
    out.push_back(channel);
  }
  SCLIP_CHECK(static_cast<int64_t>(out.size()) <= kMostSinkChannels, kInvalidArgument,
              "policy rf-clip: option 'sinks' takes at most ", kMostSinkChannels, " channels, not ", out.size());
  return out;
}

class RfClipHead : public DenseHead {
 public:
  RfClipHead(const Policy& policy, const HeadInputs& inputs)
      : DenseHead(inputs.words),
        temperature_(inputs.temperature),
        embed_dim_(inputs.blob.config().embed_dim),
        channels_(parse_channels(policy.text("sinks"), inputs.blob.config().vision.width)),
        share_(static_cast<float>(policy.number("share"))),
        weight_(static_cast<float>(policy.number("w"))),
        alpha_(static_cast<float>(policy.number("alpha"))),
        similar_(static_cast<float>(policy.number("similar"))) {
    const std::string_view scene = policy.text("scene");
    SCLIP_CHECK(scene == "photo" || scene == "window", kInvalidArgument,
                "policy rf-clip: option 'scene' is photo or window, not '", scene, "'");
    if (words().count == 0) return;
    const auto clusters = cluster_words(words().embeddings, words().count, policy.number("h"));
    for (const auto& cluster : clusters) {
      begins_.push_back(static_cast<int32_t>(members_.size()));
      members_.insert(members_.end(), cluster.begin(), cluster.end());
    }
    begins_.push_back(static_cast<int32_t>(members_.size()));
    // Which query of a cluster of one fits best needs no looking.
    const bool asks_fit = weight_ > 0 || (alpha_ > 0 && clusters.size() < members_.size());
    adapts_ = weight_ > 0 || alpha_ > 0;
    of_photo_ = adapts_ && asks_fit && scene == "photo";
    of_window_ = adapts_ && !of_photo_;
    if (!adapts_) return;
    const auto copy = [&](const std::vector<int32_t>& values) {
      return inputs.backend.share_or_copy(
          {.data = values.data(), .dtype = DType::kI32, .shape = {static_cast<int64_t>(values.size())}});
    };
    begins_there_ = copy(begins_);
    members_there_ = copy(members_);
    embeddings_ = inputs.backend.make_constant(
        {.data = words().embeddings.data(), .dtype = DType::kF32, .shape = {words().count, embed_dim_}});
  }

  PlanNeeds needs(const WindowShape& shape) const override {
    const int64_t n = shape.tokens, hw = shape.patches(), rows = n * shape.width * 4;
    PlanNeeds out;
    out.buffers = {{"rf-clip maps", shape.heads * n * n * 4},
                   {"rf-clip mean", rows},
                   {"rf-clip stream", rows},
                   {"rf-clip out", rows},
                   {"rf-clip similarity", hw * hw * 4},
                   {"rf-clip sinks", hw * 4},
                   {"rf-clip scene", embed_dim_ * 4}};
    if (adapts_) out.buffers.push_back({"rf-clip fit", words().count * 4});
    const auto width = static_cast<size_t>(shape.width);
    out.constants.push_back({kZeros, [width] { return std::vector<float>(width, 0.0f); }});
    return out;
  }

  // Where the photo is the only window, the window's own vector is the photo's.
  int64_t photo_floats() const override { return of_photo_ ? embed_dim_ : 0; }
  bool reads_photo(bool is_the_window) const override { return of_photo_ && !is_the_window; }
  void read_photo(BlockRunner& runner, float* kept) const override {
    for (int block = 0; block < runner.blocks(); ++block) {
      runner.run_block(block, runner.attention());
      soften(runner);
    }
    runner.project(runner.class_tokens(), kept);
  }

  void encode(BlockRunner& runner, float* features) const override {
    Stream& stream = runner.stream();
    const int last = runner.blocks() - 1;
    float* maps = runner.buffer("rf-clip maps");
    float* mean = runner.buffer("rf-clip mean");
    for (int block = 0; block < last; ++block) {
      runner.project_qkv(block, runner.tokens());
      AttentionParams keys = runner.attention();
      keys.scores = AttentionScores::kKeyKey;
      keys.out = nullptr;
      keys.probabilities = maps;
      keys.accumulate = block > 0;
      stream.attention(keys);
      stream.attention(runner.attention());
      runner.add_attention(block, runner.tokens());
      runner.add_mlp(block, runner.tokens());
      soften(runner);
      add_to_mean(runner, mean, block == 0);
    }
    float* before = runner.buffer("rf-clip stream");
    runner.keep_tokens(before);
    runner.run_block(last, runner.attention());
    soften(runner);
    add_to_mean(runner, mean, last == 0);
    if (of_window_ || (of_photo_ && runner.windows().photo == nullptr)) {
      runner.project(runner.class_tokens(), runner.buffer("rf-clip scene"));
    }

    find_similar(runner, runner.without_class_token(runner.rows_of(mean)));
    const TokenRows out = runner.rows_of(runner.buffer("rf-clip out")), spare = runner.rows_of(before);
    last_block(runner, spare, out);
    last_block(runner, runner.rows_of(mean), spare);
    add(runner, spare.data, out.data, 0.5f, 0.5f);
    runner.project(runner.without_class_token(out), features);
  }

  bool scores_any_words() const override { return false; }
  void score(BlockRunner& runner, const float* features, float* cosines) const override {
    DenseHead::score(runner, features, cosines);
    if (!adapts_) return;
    const float* scene = of_photo_ ? runner.windows().photo : nullptr;
    const int64_t scenes = scene != nullptr ? 1 : runner.batch(), queries = words().count;
    float* fit = runner.buffer("rf-clip fit");
    runner.stream().linear(*words().similarity, scene != nullptr ? scene : runner.buffer("rf-clip scene"), scenes, fit);
    runner.stream().adapt_words({.features = features,
                                 .words = static_cast<const float*>(embeddings_->data()),
                                 .fit = fit,
                                 .fit_stride = scene != nullptr ? 0 : queries,
                                 .begins = static_cast<const int32_t*>(begins_there_->data()),
                                 .members = static_cast<const int32_t*>(members_there_->data()),
                                 .cosines = cosines,
                                 .batch = runner.batch(),
                                 .patches = runner.shape().patches(),
                                 .embed_dim = embed_dim_,
                                 .queries = queries,
                                 .clusters = static_cast<int64_t>(begins_.size()) - 1,
                                 .alpha = alpha_,
                                 .weight = weight_});
  }

 private:
  void soften(BlockRunner& runner) const {
    if (channels_.empty()) return;
    const TokenRows patches = runner.patches();
    SoftenSinksParams p{.x = patches.data,
                        .softened = runner.buffer("rf-clip out"),
                        .sinks = reinterpret_cast<int32_t*>(runner.buffer("rf-clip sinks")),
                        .batch = runner.batch(),
                        .grid_h = runner.shape().grid_h,
                        .grid_w = runner.shape().grid_w,
                        .cols = runner.shape().width,
                        .x_stride = patches.stride,
                        .channel_count = static_cast<int64_t>(channels_.size()),
                        .share = share_};
    std::copy(channels_.begin(), channels_.end(), p.channels.begin());
    runner.stream().soften_sinks(p);
  }

  // y = x_weight · x + y_weight · y, of all tokens.
  void add(BlockRunner& runner, const float* x, float* y, float x_weight, float y_weight) const {
    const TokenRows rows = runner.tokens();
    runner.stream().add_rows({.x = x,
                              .y = y,
                              .batch = runner.batch(),
                              .rows = rows.rows,
                              .cols = runner.shape().width,
                              .x_stride = rows.stride,
                              .y_stride = rows.stride,
                              .x_weight = x_weight,
                              .y_weight = y_weight});
  }
  void add_to_mean(BlockRunner& runner, float* mean, bool first) const {
    add(runner, runner.tokens().data, mean, 1 / static_cast<float>(runner.blocks()), first ? 0.0f : 1.0f);
  }

  // "rf-clip similarity" = S of these patches.
  void find_similar(BlockRunner& runner, TokenRows patches) const {
    const int64_t hw = runner.shape().patches(), c = runner.shape().width;
    float* unit = runner.buffer("rf-clip out");
    float* similarity = runner.buffer("rf-clip similarity");
    runner.stream().l2_normalize({.x = patches.data,
                                  .y = unit,
                                  .batch = runner.batch(),
                                  .rows = hw,
                                  .cols = c,
                                  .x_stride = patches.stride,
                                  .y_stride = hw * c});
    runner.stream().matmul({.a = unit,
                            .b = unit,
                            .c = similarity,
                            .transpose_b = true,
                            .batch = runner.batch(),
                            .rows = hw,
                            .cols = hw,
                            .depth = c,
                            .a_batch_stride = hw * c,
                            .b_batch_stride = hw * c,
                            .c_batch_stride = hw * hw});
    runner.stream().similarity_maps(
        {.x = similarity, .rows = similarity, .batch = runner.batch(), .patches = hw, .threshold = similar_});
  }

  // to = out_proj(A v) of the last block on x with its patches mixed by S. The residual stream is scratch.
  void last_block(BlockRunner& runner, TokenRows x, TokenRows to) const {
    const WindowShape& shape = runner.shape();
    Stream& stream = runner.stream();
    const int last = runner.blocks() - 1;
    const int64_t hw = shape.patches(), c = shape.width;
    const TokenRows mixed = runner.tokens();
    stream.copy(mixed.data, x.data, static_cast<size_t>(runner.batch() * x.stride) * sizeof(float));
    stream.matmul({.a = runner.buffer("rf-clip similarity"),
                   .b = runner.without_class_token(x).data,
                   .c = runner.without_class_token(mixed).data,
                   .batch = runner.batch(),
                   .rows = hw,
                   .cols = c,
                   .depth = hw,
                   .a_batch_stride = hw * hw,
                   .b_batch_stride = x.stride,
                   .c_batch_stride = mixed.stride});
    runner.project_qkv(last, mixed);
    const size_t row = static_cast<size_t>(c) * size_of(shape.activation);
    auto* qkv = static_cast<std::byte*>(runner.plan().qkv());
    for (int64_t b = 0; b < runner.batch(); ++b) {
      stream.copy(qkv + static_cast<size_t>(b * shape.tokens * 3 + 2) * row, runner.constant(kZeros), row);
    }
    AttentionParams attention = runner.attention();
    attention.scores = AttentionScores::kKeyKey;
    attention.softmax_scale /= temperature_;
    attention.softmax_weight = 1 / static_cast<float>(runner.blocks());
    if (last > 0) {
      const int64_t map = shape.tokens * shape.tokens;
      attention.added = {.data = runner.buffer("rf-clip maps"), .batch_stride = shape.heads * map, .head_stride = map};
      attention.added_weight = attention.softmax_weight;
    }
    stream.attention(attention);
    runner.write_last_attention(to);
  }

  float temperature_;
  int64_t embed_dim_;
  std::vector<int32_t> channels_;  // of sinks; none: nothing is softened
  float share_, weight_, alpha_, similar_;
  bool adapts_ = false;                    // the words do
  bool of_photo_ = false;                  // by a vector of the whole photo,
  bool of_window_ = false;                 // or one of the window
  std::vector<int32_t> begins_, members_;  // of the clusters of queries
  std::unique_ptr<Memory> begins_there_, members_there_, embeddings_;
};

}  // namespace

MakeDenseHead rf_clip() {
  return [](const Policy& policy, const HeadInputs& inputs) -> std::shared_ptr<const DenseHead> {
    return std::make_shared<RfClipHead>(policy, inputs);
  };
}

}  // namespace sclip
