#include "engine/dense_head/layer_map.h"

#include "kernels/attention/attention.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// softmax(q·kᵀ) of block i, heads separate, times the last block's values.
class LayerMapHead : public DenseHead {
 public:
  LayerMapHead(int block, const HeadInputs& inputs)
      : DenseHead(inputs.words), block_(block), temperature_(inputs.temperature) {}

  PlanNeeds needs(const WindowShape& shape) const override {
    return {.buffers = {{"map", shape.heads * shape.tokens * shape.tokens * 4}}, .constants = {}};
  }

  void encode(BlockRunner& runner, float* features) const override {
    const int last = runner.blocks() - 1;
    const int64_t n = runner.shape().tokens, matrix = n * n;
    const TokenRows tokens = runner.tokens();
    runner.run_blocks(0, block_);
    runner.project_qkv(block_, tokens);
    // The temperature is that of the map the last block uses. Block i itself runs as CLIP has it.
    AttentionParams map = runner.attention();
    map.softmax_scale /= temperature_;
    map.probabilities = runner.buffer("map");
    if (block_ < last && temperature_ != 1) map.out = nullptr;
    runner.stream().attention(map);
    if (block_ < last) {
      if (temperature_ != 1) runner.stream().attention(runner.attention());
      runner.add_attention(block_, tokens);
      runner.add_mlp(block_, tokens);
      runner.run_blocks(block_ + 1, last);
      runner.project_qkv(last, tokens);
      AttentionParams attention = runner.attention();
      attention.scores = AttentionScores::kNone;
      attention.added = {runner.buffer("map"), runner.shape().heads * matrix, matrix};
      runner.stream().attention(attention);
    }
    runner.add_attention(last, tokens);
    runner.add_mlp(last, tokens);
    runner.project(runner.patches(), features);
  }

 private:
  int block_;  // counted from 0
  float temperature_;
};

}  // namespace

std::shared_ptr<const DenseHead> make_layer_map(const Policy& policy, const HeadInputs& inputs) {
  const int block = static_cast<int>(policy.number("i")), blocks = inputs.blob.config().vision.layers;
  SCLIP_CHECK(block <= blocks, kInvalidArgument, "policy layer: this model's image tower has ", blocks,
              " blocks, and the map of block ", block, " was asked for: give 1 to ", blocks);
  return std::make_shared<LayerMapHead>(block - 1, inputs);
}

}  // namespace sclip
