#include "engine/vision_encoder.h"

#include <cmath>

#include "core/error.h"
#include "engine/position_table.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/layernorm/layernorm.h"

namespace sclip {

VisionEncoder::VisionEncoder(const WeightBlob& blob, const Backend& backend)
    : backend_(backend),
      config_(blob.config().vision),
      embed_dim_(blob.config().embed_dim),
      eps_(blob.config().layer_norm_eps),
      patch_embed_(load_linear(blob, backend, "visual.patch_embed.weight", "", Epilogue::kNone,
                               backend.activation_dtype(), DType::kF32)),
      class_embedding_(backend.make_constant(blob.tensor("visual.class_embedding"))),
      ln_pre_(load_norm(blob, backend, "visual.ln_pre")),
      ln_post_(load_norm(blob, backend, "visual.ln_post")),
      projection_(load_linear(blob, backend, "visual.projection", "", Epilogue::kNone, backend.activation_dtype(),
                              DType::kF32, true)) {
  const TensorView positions = blob.tensor("visual.positional_embedding");
  position_table_.resize(static_cast<size_t>(positions.shape.count()));
  convert_to_f32(positions.dtype, positions.data, position_table_.data(), position_table_.size());
  for (int i = 0; i < config_.layers; ++i) {
    blocks_.push_back(load_block(blob, backend, str("visual.blocks.", i, "."), backend.activation_dtype()));
  }
  const std::string last = str("visual.blocks.", config_.layers - 1, ".attn.out.");
  last_out_ = load_linear(blob, backend, last + "weight", last + "bias", Epilogue::kNone, backend.activation_dtype(),
                          DType::kF32);
}

VisionPlan VisionEncoder::make_plan(int64_t max_batch, int64_t grid_h, int64_t grid_w) const {
  SCLIP_CHECK(grid_h > 0 && grid_w > 0, kInvalidArgument, "a window of ", grid_w, "×", grid_h,
              " patches is empty: it is smaller than a patch of ", config_.patch_size,
              " pixels; use a larger crop or short side, or a photo less narrow");
  const int64_t n = 1 + grid_h * grid_w;
  const int64_t c = config_.width;
  const auto element = static_cast<int64_t>(size_of(backend_.activation_dtype()));
  const int64_t patch_pixels = 3 * config_.patch_size * config_.patch_size;

  VisionPlan plan;
  plan.max_batch_ = max_batch;
  plan.grid_h_ = grid_h;
  plan.grid_w_ = grid_w;
  ArenaPlan arena;
  const auto add = [&](int64_t bytes) { return arena.add(static_cast<size_t>(max_batch * n * bytes)); };
  plan.tokens_ = add(c * 4);
  plan.normed_ = add(c * element);                                                   // also the attention's output
  plan.qkv_ = add(std::max(3 * c * element, c * 4));                                 // also the embedded patches
  plan.hidden_ = add(std::max<int64_t>(config_.mlp_width, patch_pixels) * element);  // also the gathered patches
  plan.arena_ = backend_.allocate(arena.total());

  const std::vector<float> positions =
      position_table(position_table_.data(), static_cast<int64_t>(position_table_.size()) / c, c, grid_h, grid_w);
  plan.positions_ = backend_.make_constant({.data = positions.data(), .dtype = DType::kF32, .shape = {n, c}});
  return plan;
}

void VisionEncoder::encode(Stream& stream, VisionPlan& plan, const Input& input, const AttentionPolicy& policy,
                           Readout readout, float* features) const {
  const int64_t batch = input.batch;
  SCLIP_CHECK(batch > 0 && batch <= plan.max_batch_, kInternal, "a batch of ", batch, " windows in a plan for ",
              plan.max_batch_);
  auto* arena = static_cast<std::byte*>(plan.arena_->data());
  auto* tokens = reinterpret_cast<float*>(arena + plan.tokens_);
  auto* embedded = reinterpret_cast<float*>(arena + plan.qkv_);
  void* patches = arena + plan.hidden_;
  void* normed = arena + plan.normed_;
  const int64_t hw = plan.grid_h_ * plan.grid_w_;
  const int64_t n = 1 + hw;
  const int64_t c = config_.width;

  stream.patch_embed({.image = input.image,
                      .windows = input.windows,
                      .class_embedding = static_cast<const float*>(class_embedding_->data()),
                      .positions = static_cast<const float*>(plan.positions_->data()),
                      .gamma = ln_pre_.g(),
                      .beta = ln_pre_.b(),
                      .tokens = tokens,
                      .patches = patches,
                      .embedded = embedded,
                      .dtype = backend_.activation_dtype(),
                      .height = input.height,
                      .width = input.width,
                      .batch = batch,
                      .grid_h = plan.grid_h_,
                      .grid_w = plan.grid_w_,
                      .patch = config_.patch_size,
                      .cols = c,
                      .eps = eps_},
                     *patch_embed_);

  const AttentionPolicy& vanilla = find_attention_policy("clip");
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const bool last = i + 1 == blocks_.size();
    block(stream, plan, blocks_[i], batch, last ? policy : vanilla, last);
  }

  // Only the rows that are read out are normalised and projected.
  const bool patch_rows = readout == Readout::kPatches;
  const int64_t rows = patch_rows ? hw : 1;
  stream.layernorm({.x = tokens + (patch_rows ? c : 0),
                    .y = normed,
                    .gamma = ln_post_.g(),
                    .beta = ln_post_.b(),
                    .y_dtype = backend_.activation_dtype(),
                    .batch = batch,
                    .rows = rows,
                    .cols = c,
                    .x_stride = n * c,
                    .y_stride = rows * c,
                    .eps = eps_});
  stream.linear(*projection_, normed, batch * rows, features);
  stream.l2_normalize({.x = features, .y = features, .rows = batch * rows, .cols = embed_dim_});
}

void VisionEncoder::block(Stream& stream, VisionPlan& plan, const BlockWeights& weights, int64_t batch,
                          const AttentionPolicy& policy, bool last) const {
  auto* arena = static_cast<std::byte*>(plan.arena_->data());
  auto* tokens = reinterpret_cast<float*>(arena + plan.tokens_);
  void* normed = arena + plan.normed_;
  void* qkv = arena + plan.qkv_;
  void* hidden = arena + plan.hidden_;
  const int64_t n = 1 + plan.grid_h_ * plan.grid_w_;
  const int64_t rows = batch * n;
  const DType activation = backend_.activation_dtype();
  const auto norm = [&](const NormWeights& ln) {
    stream.layernorm({.x = tokens,
                      .y = normed,
                      .gamma = ln.g(),
                      .beta = ln.b(),
                      .y_dtype = activation,
                      .rows = rows,
                      .cols = config_.width,
                      .eps = eps_});
  };

  norm(weights.ln_1);
  stream.linear(*weights.qkv, normed, rows, qkv);
  stream.attention(
      {.qkv = qkv,
       .out = normed,
       .bias = {.data =
                    last && policy.locality_sigma > 0 ? locality_bias(stream, plan, policy.locality_sigma) : nullptr},
       .dtype = activation,
       .scores = policy.scores,
       .batch = batch,
       .tokens = n,
       .heads = config_.heads,
       .head_dim = config_.head_dim(),
       .softmax_scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim()))});
  stream.linear(last && !policy.residual ? *last_out_ : *weights.out, normed, rows, tokens);
  if (last && !policy.mlp) return;
  norm(weights.ln_2);
  stream.linear(*weights.fc1, normed, rows, hidden);
  stream.linear(*weights.fc2, hidden, rows, tokens);
}

// ω = exp(−d² / (2σ²)) between patches d apart; 0 in the class token's row and column (NACLIP).
const float* VisionEncoder::locality_bias(Stream& stream, VisionPlan& plan, float sigma) const {
  if (plan.locality_ == nullptr || plan.locality_sigma_ != sigma) {
    const int64_t hw = plan.grid_h_ * plan.grid_w_;
    std::vector<float> bias(static_cast<size_t>((1 + hw) * (1 + hw)), 0.0f);
    for (int64_t i = 0; i < hw; ++i) {
      for (int64_t j = 0; j < hw; ++j) {
        const auto dy = static_cast<float>(i / plan.grid_w_ - j / plan.grid_w_);
        const auto dx = static_cast<float>(i % plan.grid_w_ - j % plan.grid_w_);
        bias[static_cast<size_t>((1 + i) * (1 + hw) + 1 + j)] = std::exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
      }
    }
    plan.locality_ = backend_.allocate(bias.size() * sizeof(float));
    stream.upload(plan.locality_->data(), bias.data(), bias.size() * sizeof(float));
    stream.synchronize();
    plan.locality_sigma_ = sigma;
  }
  return static_cast<const float*>(plan.locality_->data());
}

}  // namespace sclip
