// SFP: outliers are patches that the class token attends to more than they do themselves, in the last block but one;
// queries, keys and late cosines attend a third each in the first pass, the late cosines alone in the second.
#include "engine/dense_head/self_calibrated.h"
#include "kernels/outlier_patches/outlier_patches.h"

namespace sclip {
namespace {

constexpr float kClassFactor = 1.5f;  // of the class token's attention, before it is compared with a patch's own
constexpr int64_t kMostOutliers = 10;

class SfpHead : public SelfCalibratedHead {
 public:
  using SelfCalibratedHead::SelfCalibratedHead;

  PlanNeeds needs(const WindowShape& shape) const override {
    PlanNeeds out = SelfCalibratedHead::needs(shape);
    out.buffers.push_back({"mean attention", shape.tokens * shape.tokens * 4});
    return out;
  }

 private:
  void run(BlockRunner& runner, int number) const override {
    AttentionParams attention = runner.attention();
    if (number == runner.blocks() - 1) {
      attention.probabilities = runner.buffer("mean attention");
      attention.mean_of_heads = true;
    }
    runner.run_block(number - 1, attention);
  }

  Outliers mark_outliers(BlockRunner& runner) const override {
    const int64_t tokens = runner.shape().tokens;
    const float* const attention = runner.buffer("mean attention");
    runner.stream().mark_patches({.scores = attention + 1,  // the class token's row
                                  .scores_stride = tokens * tokens,
                                  .bars = attention + tokens + 1,  // the diagonal
                                  .bars_stride = tokens * tokens,
                                  .bars_step = tokens + 1,
                                  .score_factor = kClassFactor,
                                  .largest = kMostOutliers,
                                  .mask = mask(runner),
                                  .batch = runner.batch(),
                                  .rows = runner.shape().patches()});
    return {.marked = true, .zero_if_alone = true};
  }

  bool attends_kept_only() const override { return true; }

  void attend(BlockRunner& runner, Pass pass) const override {
    const bool first = pass == Pass::kFirst;
    AttentionParams attention = last_attention(runner);
    attention.scores = first ? AttentionScores::kCorrelative : AttentionScores::kNone;
    attention.softmax_weight = first ? 1.0f / 3 : 1.0f;
    attention.added = late_attention(runner);
    attention.added_weight = attention.softmax_weight;
    runner.stream().attention(attention);
  }
};

}  // namespace

std::shared_ptr<const DenseHead> make_sfp(const Policy& policy, const HeadInputs& inputs) {
  return std::make_shared<SfpHead>(read_calibration(policy, inputs), inputs.words);
}

}  // namespace sclip
