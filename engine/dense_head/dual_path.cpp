#include "engine/dense_head/dual_path.h"

#include "engine/dense_head/depth.h"

namespace sclip {
namespace {

constexpr const char* kSecondStream = "second stream";
constexpr int kFirstBlock = 7;  // as published

}  // namespace

PlanNeeds DualPathHead::needs(const WindowShape& shape) const {
  return {.buffers = {{kSecondStream, shape.tokens * shape.width * 4}}, .constants = {}, .positions = positions_};
}

void DualPathHead::encode(BlockRunner& runner, float* features) const {
  const int first = block_at_depth(kFirstBlock, runner.blocks()) - 1, last = runner.blocks() - 1;
  const TokenRows tokens = runner.tokens(), second = runner.rows_of(runner.buffer(kSecondStream));
  runner.run_blocks(0, first);
  runner.keep_tokens(second.data);
  for (int block = first; block <= last; ++block) {
    runner.project_qkv(block, tokens);
    const float temperature = block == last ? temperature_ : 1.0f;
    attend(runner, temperature);
    runner.add_attention(block, second);
    if (block == last && !finishes_first_stream()) break;
    AttentionParams own = runner.attention();
    own.softmax_scale /= temperature;
    runner.stream().attention(own);
    runner.add_attention(block, tokens);
    runner.add_mlp(block, tokens);
  }
  runner.project(runner.without_class_token(second), features);
}

}  // namespace sclip
