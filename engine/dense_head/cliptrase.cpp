#include "engine/dense_head/cliptrase.h"

#include <algorithm>

#include "engine/dense_head/clusters.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/matmul/matmul.h"

namespace sclip {
namespace {

constexpr const char* kUnitRows = "unit rows of the last block but one";  // (B, N, 3, A, d) activations
constexpr const char* kAffinity = "affinity of tokens";                   // W₀ (B, N, N)

class CliptraseHead : public DenseHead {
 public:
  CliptraseHead(const HeadInputs& inputs, bool clusters, const ClusterRule& rule)
      : DenseHead(inputs.words), temperature_(inputs.temperature), clusters_(clusters), rule_(rule) {}

  PlanNeeds needs(const WindowShape& shape) const override {
    PlanNeeds out;
    if (clusters_) {
      const auto element = static_cast<int64_t>(size_of(shape.activation));
      out.buffers.push_back({kUnitRows, shape.tokens * 3 * shape.width * element});
      out.buffers.push_back({kAffinity, shape.tokens * shape.tokens * 4});
    }
    return out;
  }

  void encode(BlockRunner& runner, float* features) const override {
    const int last = runner.blocks() - 1, judge = std::max(last - 1, 0);
    const TokenRows tokens = runner.tokens();
    runner.run_blocks(0, judge);
    for (int block = judge; block <= last; ++block) {
      runner.project_qkv(block, tokens);
      if (clusters_ && block == judge) measure_affinity(runner);
      AttentionParams attention = runner.attention();
      if (block == last) {
        attention.scores = AttentionScores::kSelfSelf;
        attention.softmax_scale /= temperature_;
      }
      runner.stream().attention(attention);
      runner.add_attention(block, tokens);
      runner.add_mlp(block, tokens);
    }
    runner.project(runner.patches(), features);
  }

  std::string_view settles_with() const override { return clusters_ ? kAffinity : ""; }
  void settle(std::span<const float> affinity, int64_t grid_h, int64_t grid_w, std::span<uint16_t> labels,
              int64_t height, int64_t width) const override {
    vote_in_clusters(affinity, grid_h, grid_w, rule_, labels, height, width);
  }

 private:
  // The mean over heads, and over q, k and v, of the cosines of two tokens' rows: a product of unit rows.
  static void measure_affinity(BlockRunner& runner) {
    const WindowShape& shape = runner.shape();
    const int64_t n = shape.tokens, depth = 3 * shape.width;
    float* units = runner.buffer(kUnitRows);
    runner.stream().l2_normalize({.x = runner.plan().qkv(),
                                  .y = units,
                                  .x_dtype = shape.activation,
                                  .y_dtype = shape.activation,
                                  .rows = runner.batch() * n * 3 * shape.heads,
                                  .cols = shape.head_dim});
    runner.stream().matmul({.a = units,
                            .b = units,
                            .c = runner.buffer(kAffinity),
                            .dtype = shape.activation,
                            .transpose_b = true,
                            .batch = runner.batch(),
                            .rows = n,
                            .cols = n,
                            .depth = depth,
                            .a_batch_stride = n * depth,
                            .b_batch_stride = n * depth,
                            .c_batch_stride = n * n,
                            .alpha = 1.0f / static_cast<float>(3 * shape.heads)});
  }

  float temperature_;
  bool clusters_;
  ClusterRule rule_;
};

}  // namespace

MakeDenseHead cliptrase() {
  return [](const Policy& policy, const HeadInputs& inputs) -> std::shared_ptr<const DenseHead> {
    const ClusterRule rule{.eps = policy.number("eps"), .min_points = static_cast<int64_t>(policy.number("min"))};
    return std::make_shared<CliptraseHead>(inputs, policy.number("clusters") != 0, rule);
  };
}

}  // namespace sclip
