#include "engine/dense_head/last_block.h"

#include "engine/dense_head/locality.h"

namespace sclip {
namespace {

class LastBlockHead : public DenseHead {
 public:
  LastBlockHead(const LastBlock& what, const Policy& policy, const HeadInputs& inputs)
      : DenseHead(inputs.words), what_(what), temperature_(inputs.temperature) {
    if (what.sharpen) temperature_ *= static_cast<float>(policy.number("t"));
    if (what.locality) {
      const auto sigma = static_cast<float>(policy.number("sigma"));
      bias_ = [sigma](const WindowShape& shape) { return locality_bias(shape, sigma); };
      bias_name_ = locality_name(sigma);
    } else if (what.neighbourhood) {
      const auto n = static_cast<int>(policy.number("n"));
      bias_ = [n](const WindowShape& shape) { return neighbourhood_bias(shape, n); };
      bias_name_ = neighbourhood_name(n);
    }
  }

  PlanNeeds needs(const WindowShape& shape) const override {
    PlanNeeds out;
    if (bias_) out.constants.push_back(bias_(shape));
    return out;
  }

  void encode(BlockRunner& runner, float* features) const override {
    const int last = runner.blocks() - 1;
    const TokenRows tokens = runner.tokens();
    runner.stream().attention(last_attention(runner));
    if (what_.residual) {
      runner.add_attention(last, tokens);
    } else {
      runner.write_last_attention(tokens);
    }
    if (what_.mlp) runner.add_mlp(last, tokens);
    runner.project(runner.patches(), features);
  }

  ShownAttention show_attention(BlockRunner& runner, float* weights) const override {
    if (what_.scores == AttentionScores::kIdentity) return ShownAttention::kIdentity;
    AttentionParams attention = last_attention(runner);
    attention.out = nullptr;
    attention.probabilities = weights;
    runner.stream().attention(attention);
    return ShownAttention::kWritten;
  }

 private:
  // Runs everything before it.
  AttentionParams last_attention(BlockRunner& runner) const {
    const int last = runner.blocks() - 1;
    runner.run_blocks(0, last);
    runner.project_qkv(last, runner.tokens());
    AttentionParams attention = runner.attention();
    attention.scores = what_.scores;
    attention.softmax_scale /= temperature_;
    if (bias_) attention.bias = {runner.constant(bias_name_)};
    return attention;
  }

  LastBlock what_;
  float temperature_;
  std::function<ConstantNeed(const WindowShape&)> bias_;  // none: the scores alone
  std::string bias_name_;
};

}  // namespace

MakeDenseHead last_block(const LastBlock& what) {
  return [what](const Policy& policy, const HeadInputs& inputs) -> std::shared_ptr<const DenseHead> {
    return std::make_shared<LastBlockHead>(what, policy, inputs);
  };
}

}  // namespace sclip
