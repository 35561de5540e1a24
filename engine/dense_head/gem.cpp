#include "engine/dense_head/gem.h"

#include "engine/dense_head/dual_path.h"
#include "engine/dense_head/positions.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/mean_norm/mean_norm.h"

namespace sclip {
namespace {

constexpr const char* kUnitParts = "unit q, k, v";  // (B, N, 3, A, d) activations
constexpr const char* kNorms = "mean norms";        // (B)

class GemHead : public DualPathHead {
 public:
  // `fixed`: t, or 0 for the window's own.
  GemHead(const HeadInputs& inputs, float fixed) : DualPathHead(inputs, antialiased_positions), fixed_(fixed) {}

  PlanNeeds needs(const WindowShape& shape) const override {
    PlanNeeds out = DualPathHead::needs(shape);
    out.buffers.push_back(
        {kUnitParts, shape.tokens * 3 * shape.width * static_cast<int64_t>(size_of(shape.activation))});
    out.buffers.push_back({kNorms, static_cast<int64_t>(sizeof(float))});
    return out;
  }

 protected:
  void attend(BlockRunner& runner, float temperature) const override {
    const WindowShape& shape = runner.shape();
    Stream& stream = runner.stream();
    AttentionParams attention = runner.attention();
    attention.softmax_scale = (fixed_ > 0 ? fixed_ : attention.softmax_scale) / temperature;
    if (fixed_ == 0) {
      float* norms = runner.buffer(kNorms);
      stream.mean_norm({.x = runner.plan().normed(),
                        .out = norms,
                        .dtype = shape.activation,
                        .batch = runner.batch(),
                        .rows = shape.tokens,
                        .cols = shape.width,
                        .x_stride = shape.tokens * shape.width});
      attention.window_scales = norms;
    }
    void* units = runner.buffer(kUnitParts);

    // One of q, k, v stands in v's place while it attends to itself; v comes last and stays there.
    AttentionParams step = attention;
    step.qkv = units;
    step.scores = AttentionScores::kValueValue;
    for (const int side : {0, 1, 2}) {
      normalize(runner, part(shape, runner.plan().qkv(), side), 3, part(shape, units, 2));
      stream.attention(step);
      normalize(runner, step.out, 1, part(shape, units, side));
    }
    attention.values = runner.plan().qkv();
    attention.qkv = units;
    attention.scores = AttentionScores::kSelfSelf;
    attention.softmax_weight = 1.0f / 3;
    stream.attention(attention);
  }

 private:
  // q, k or v of (B, N, 3, A, d).
  static void* part(const WindowShape& shape, void* qkv, int side) {
    return static_cast<std::byte*>(qkv) + static_cast<size_t>(side * shape.width) * size_of(shape.activation);
  }
  // Every head's rows, of tokens that lie `from_parts` · C apart, into one of the three parts of `units`.
  static void normalize(BlockRunner& runner, const void* from, int64_t from_parts, void* to) {
    const WindowShape& shape = runner.shape();
    runner.stream().l2_normalize({.x = from,
                                  .y = to,
                                  .x_dtype = shape.activation,
                                  .y_dtype = shape.activation,
                                  .batch = runner.batch() * shape.tokens,
                                  .rows = shape.heads,
                                  .cols = shape.head_dim,
                                  .x_stride = from_parts * shape.width,
                                  .y_stride = 3 * shape.width});
  }

  float fixed_;
};

}  // namespace

MakeDenseHead gem() {
  return [](const Policy& policy, const HeadInputs& inputs) -> std::shared_ptr<const DenseHead> {
    return std::make_shared<GemHead>(inputs, static_cast<float>(policy.number("t")));
  };
}

}  // namespace sclip
