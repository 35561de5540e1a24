#include "engine/dense_head/pearl.h"

#include "kernels/attention/attention.h"
#include "kernels/procrustes/procrustes.h"
#include "sclip/error.h"

namespace sclip {
namespace {

class PearlHead : public DenseHead {
 public:
  PearlHead(const Words& words, float alpha, float temperature)
      : DenseHead(words), alpha_(alpha), temperature_(temperature) {}

  void encode(BlockRunner& runner, float* features) const override {
    const int last = runner.blocks() - 1;
    runner.run_blocks(0, last);
    const TokenRows tokens = runner.tokens();
    runner.project_qkv(last, tokens);
    AttentionParams attention = runner.attention();
    // The scores are those of other queries with the keys as they are: kernels/procrustes/procrustes.h.
    runner.stream().procrustes({.qkv = runner.plan().qkv(),
                                .dtype = attention.dtype,
                                .alpha = alpha_,
                                .batch = attention.batch,
                                .tokens = attention.tokens,
                                .heads = attention.heads,
                                .head_dim = attention.head_dim});
    attention.softmax_scale /= temperature_;
    runner.stream().attention(attention);
    runner.write_last_attention(tokens);
    runner.project(runner.patches(), features);
  }

 private:
  float alpha_;
  float temperature_;
};

}  // namespace

std::shared_ptr<const DenseHead> make_pearl(const Policy& policy, const HeadInputs& inputs) {
  const VisionConfig& vision = inputs.blob.config().vision;
  SCLIP_CHECK(vision.head_dim() <= kProcrustesMaxHeadDim, kInvalidArgument, "policy pearl turns heads of at most ",
              kProcrustesMaxHeadDim, " channels, and this model's have ", vision.head_dim(), ": choose another policy");
  return std::make_shared<PearlHead>(inputs.words, static_cast<float>(policy.number("alpha")), inputs.temperature);
}

}  // namespace sclip
