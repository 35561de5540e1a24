#include "engine/dense_head/last_block.h"

#include "engine/dense_head/locality.h"
#include "sclip/error.h"

namespace sclip {
namespace {

class LastBlockHead : public DenseHead {
 public:
  LastBlockHead(const LastBlock& what, float sigma, const Words& words)
      : DenseHead(words), what_(what), sigma_(sigma) {}

  PlanNeeds needs(const WindowShape& shape) const override {
    PlanNeeds out;
    if (what_.locality) out.constants.push_back(locality_bias(shape, sigma_));
    return out;
  }

  void encode(BlockRunner& runner, float* features) const override {
    const int last = runner.blocks() - 1;
    runner.run_blocks(0, last);

    const TokenRows tokens = runner.tokens();
    runner.project_qkv(last, tokens);
    AttentionParams attention = runner.attention();
    attention.scores = what_.scores;
    if (what_.locality) attention.bias = {runner.constant(locality_name(sigma_))};
    runner.stream().attention(attention);
    if (what_.residual) {
      runner.add_attention(last, tokens);
    } else {
      runner.write_last_attention(tokens);
    }
    if (what_.mlp) runner.add_mlp(last, tokens);
    runner.project(runner.patches(), features);
  }

 private:
  LastBlock what_;
  float sigma_;
};

}  // namespace

MakeDenseHead last_block(const LastBlock& what) {
  return [what](const Policy& policy, const HeadInputs& inputs) -> std::shared_ptr<const DenseHead> {
    const auto sigma = what.locality ? static_cast<float>(policy.number("sigma")) : 0.0f;
    return std::make_shared<LastBlockHead>(what, sigma, inputs.words);
  };
}

}  // namespace sclip
