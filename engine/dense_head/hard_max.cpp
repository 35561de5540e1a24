#include "engine/dense_head/hard_max.h"

#include "kernels/attention/attention.h"
#include "kernels/matmul/matmul.h"

namespace sclip {
namespace {

// A power of two scales without rounding, so that equal scores stay equal and share, as in the limit. Scores that are
// not equal lie 2^-24 of their size apart: from 2^-29 on that becomes 128 or more, and exp(−128) is 0 in f32.
constexpr float kGain = 0x1p60f;

class HardMaxHead : public DenseHead {
 public:
  using DenseHead::DenseHead;

  PlanNeeds needs(const WindowShape& shape) const override {
    return {.buffers = {{"scores", shape.heads * shape.tokens * shape.tokens * 4}}, .constants = {}};
  }

  void encode(BlockRunner& runner, float* features) const override {
    const int last = runner.blocks() - 1;
    runner.run_blocks(0, last);
    runner.project_qkv(last, runner.tokens());
    hard_attention(runner, runner.buffer("scores"));
    runner.add_attention(last, runner.tokens());
    runner.add_mlp(last, runner.tokens());
    runner.project(runner.patches(), features);
  }
};

}  // namespace

void hard_attention(BlockRunner& runner, float* scores) {
  const WindowShape& shape = runner.shape();
  const int64_t n = shape.tokens, c = shape.width;
  AttentionParams attention = runner.attention();
  const auto element = static_cast<int64_t>(size_of(shape.activation));
  const auto* q = static_cast<const std::byte*>(attention.qkv);
  for (int64_t b = 0; b < runner.batch(); ++b, q += n * 3 * c * element) {
    runner.stream().matmul({.a = q,
                            .b = q + c * element,
                            .c = scores + b * shape.heads * n * n,
                            .dtype = shape.activation,
                            .transpose_b = true,
                            .batch = shape.heads,
                            .rows = n,
                            .cols = n,
                            .depth = shape.head_dim,
                            .a_batch_stride = shape.head_dim,
                            .b_batch_stride = shape.head_dim,
                            .c_batch_stride = n * n,
                            .a_row_stride = 3 * c,
                            .b_row_stride = 3 * c,
                            .alpha = kGain});
  }
  attention.scores = AttentionScores::kBias;
  attention.bias = {scores, shape.heads * n * n, n * n};
  runner.stream().attention(attention);
}

std::shared_ptr<const DenseHead> make_hard_max(const Policy&, const HeadInputs& inputs) {
  return std::make_shared<HardMaxHead>(inputs.words);
}

}  // namespace sclip
