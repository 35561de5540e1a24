// DIH-CLIP: no outliers; of each attention the maps of the heads of lowest entropy, a third of all, are summed and
// applied to the values of all heads. In the late block such an attention by keys is added to the features whose
// cosines are read.
#include "engine/dense_head/self_calibrated.h"
#include "kernels/choose_heads/choose_heads.h"
#include "kernels/matmul/matmul.h"

namespace sclip {
namespace {

class DihClipHead : public SelfCalibratedHead {
 public:
  using SelfCalibratedHead::SelfCalibratedHead;

  PlanNeeds needs(const WindowShape& shape) const override {
    PlanNeeds out = SelfCalibratedHead::needs(shape);
    const int64_t map = shape.tokens * shape.tokens;
    out.buffers.insert(out.buffers.end(), {{"head maps", shape.heads * map * 4},
                                           {"key maps", shape.heads * map * 4},
                                           {"head entropies", shape.heads * shape.tokens * 4},
                                           {"chosen heads", shape.heads * 4},
                                           {"mixed heads", map * static_cast<int64_t>(size_of(shape.activation))},
                                           {"chosen stream", shape.tokens * shape.width * 4}});
    return out;
  }

 private:
  void run(BlockRunner& runner, int number) const override {
    if (number != options().depths.late) return runner.run_blocks(number - 1, number);
    const int block = number - 1;
    const TokenRows chosen = runner.rows_of(runner.buffer("chosen stream"));
    runner.project_qkv(block, runner.tokens());
    AttentionParams attention = runner.attention();
    attention.probabilities = runner.buffer("head maps");
    runner.stream().attention(attention);
    runner.add_attention(block, runner.tokens());

    attention.scores = AttentionScores::kKeyKey;
    attention.out = nullptr;
    attention.probabilities = runner.buffer("key maps");
    runner.stream().attention(attention);
    apply_chosen(runner, runner.shape().tokens, runner.buffer("key maps"), 1);
    add(runner, runner.tokens(), 0, chosen, 0);  // zeros, for a projection that adds
    runner.add_attention(block, chosen);
    runner.add_mlp(block, runner.tokens());
  }

  void keep_late(BlockRunner& runner) const override {
    SelfCalibratedHead::keep_late(runner);
    const TokenRows chosen = runner.rows_of(runner.buffer("chosen stream"));
    add(runner, runner.without_class_token(chosen), 1, late(runner), 1);
  }

  void attend(BlockRunner& runner, Pass) const override {
    AttentionParams attention = last_attention(runner);
    attention.scores = AttentionScores::kKeyKey;
    attention.softmax_weight = 0.5f;
    attention.added = late_attention(runner);
    attention.added_weight = 0.5f;
    attention.out = nullptr;
    attention.probabilities = runner.buffer("head maps");
    runner.stream().attention(attention);
    apply_chosen(runner, attention.tokens, runner.buffer("head maps"), 1.0f / static_cast<float>(attention.heads));
  }

  // normed = weight · Σ of the chosen heads' `maps` · V, with V of all heads; "head maps" choose.
  void apply_chosen(BlockRunner& runner, int64_t tokens, const float* maps, float weight) const {
    const WindowShape& shape = runner.shape();
    void* const mixed = runner.plan().buffer("mixed heads");
    runner.stream().choose_heads({.maps = runner.buffer("head maps"),
                                  .summed = maps,
                                  .row_entropies = runner.buffer("head entropies"),
                                  .chosen = static_cast<int32_t*>(runner.plan().buffer("chosen heads")),
                                  .out = mixed,
                                  .out_dtype = shape.activation,
                                  .batch = runner.batch(),
                                  .heads = shape.heads,
                                  .tokens = tokens,
                                  .count = std::max<int64_t>(shape.heads / 3, 1),
                                  .weight = weight});
    const auto values = static_cast<size_t>(2 * shape.width) * size_of(shape.activation);
    runner.stream().matmul({.a = mixed,
                            .b = static_cast<const std::byte*>(runner.plan().qkv()) + values,
                            .c = runner.plan().normed(),
                            .dtype = shape.activation,
                            .out_dtype = shape.activation,
                            .batch = runner.batch(),
                            .rows = tokens,
                            .cols = shape.width,
                            .depth = tokens,
                            .a_batch_stride = tokens * tokens,
                            .b_batch_stride = tokens * 3 * shape.width,
                            .c_batch_stride = tokens * shape.width,
                            .b_row_stride = 3 * shape.width});
  }
};

}  // namespace

std::shared_ptr<const DenseHead> make_dih_clip(const Policy& policy, const HeadInputs& inputs) {
  return std::make_shared<DihClipHead>(read_calibration(policy, inputs), inputs.words);
}

}  // namespace sclip
