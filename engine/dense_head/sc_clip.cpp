// SC-CLIP: outliers by how far they lie from their neighbours; keys and late cosines attend half each, in both passes.
#include "engine/dense_head/self_calibrated.h"
#include "kernels/outlier_patches/outlier_patches.h"

namespace sclip {
namespace {

class ScClipHead : public SelfCalibratedHead {
 public:
  using SelfCalibratedHead::SelfCalibratedHead;

 private:
  Outliers mark_outliers(BlockRunner& runner) const override {
    const TokenRows x = input(runner);
    // The distances lie where the late attention will.
    runner.stream().lof_scores({.x = x.data,
                                .distances = runner.buffer("late attention"),
                                .radii = runner.buffer("outlier radii"),
                                .scores = runner.buffer("outlier scores"),
                                .batch = runner.batch(),
                                .rows = x.rows,
                                .cols = runner.shape().width,
                                .x_stride = x.stride});
    runner.stream().mark_patches({.scores = runner.buffer("outlier scores"),
                                  .scores_stride = x.rows,
                                  .mask = mask(runner),
                                  .batch = runner.batch(),
                                  .rows = x.rows});
    return {.marked = true};
  }

  void attend(BlockRunner& runner, Pass) const override {
    AttentionParams attention = last_attention(runner);
    attention.scores = AttentionScores::kKeyKey;
    attention.softmax_weight = 0.5f;
    attention.added = late_attention(runner);
    attention.added_weight = 0.5f;
    runner.stream().attention(attention);
  }
};

}  // namespace

std::shared_ptr<const DenseHead> make_sc_clip(const Policy& policy, const HeadInputs& inputs) {
  return std::make_shared<ScClipHead>(read_calibration(policy, inputs), inputs.words);
}

}  // namespace sclip
