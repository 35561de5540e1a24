#include "engine/vision_weights.h"

namespace sclip {

VisionWeights::VisionWeights(const WeightBlob& blob, const Backend& backend)
    : config(blob.config().vision),
      embed_dim(blob.config().embed_dim),
      eps(blob.config().layer_norm_eps),
      activation(backend.activation_dtype()),
      patch_embed(
          load_linear(blob, backend, "visual.patch_embed.weight", "", Epilogue::kNone, activation, DType::kF32)),
      class_embedding(backend.make_constant(blob.tensor("visual.class_embedding"))),
      ln_pre(load_norm(blob, backend, "visual.ln_pre")),
      ln_post(load_norm(blob, backend, "visual.ln_post")),
      projection(load_linear(blob, backend, "visual.projection", "", Epilogue::kNone, activation, DType::kF32, true)) {
  const TensorView table = blob.tensor("visual.positional_embedding");
  positions.resize(static_cast<size_t>(table.shape.count()));
  convert_to_f32(table.dtype, table.data, positions.data(), positions.size());
  for (int i = 0; i < config.layers; ++i) {
    blocks.push_back(load_block(blob, backend, str("visual.blocks.", i, "."), activation, backend.fp8_products()));
  }
  const std::string out = str("visual.blocks.", config.layers - 1, ".attn.out.");
  last_out = load_linear(blob, backend, out + "weight", out + "bias", Epilogue::kNone, activation, DType::kF32, false,
                         backend.fp8_products());
}

}  // namespace sclip
