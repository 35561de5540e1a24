#include "engine/dense_head/own_projection.h"

#include <algorithm>
#include <cmath>

#include "core/npy.h"
#include "engine/dense_head/random_projection.h"
#include "kernels/attention/attention.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// Writes matrix `index`, (C, C), for y = x·W.
using Fill = std::function<void(int index, std::span<float> w)>;

std::vector<float> to_f32(const TensorView& tensor) {
  std::vector<float> out(static_cast<size_t>(tensor.shape.count()));
  convert_to_f32(tensor.dtype, tensor.data, out.data(), out.size());
  return out;
}

// Two matrices lie where q and k do: kCorrelative then adds both softmaxes. More go through `map`, (B, A, N, N).
class OwnProjectionHead : public DenseHead {
 public:
  OwnProjectionHead(int count, const Fill& fill, const HeadInputs& inputs)
      : DenseHead(inputs.words), count_(count), temperature_(inputs.temperature) {
    const VisionConfig& vision = inputs.blob.config().vision;
    const auto c = static_cast<size_t>(vision.width);
    const std::string name = str("visual.blocks.", vision.layers - 1, ".attn.qkv.");
    std::vector<float> weight = to_f32(inputs.blob.tensor(name + "weight"));
    std::vector<float> bias = to_f32(inputs.blob.tensor(name + "bias"));
    std::fill_n(bias.begin(), 2 * c, 0.0f);
    std::vector<float> w(c * c);
    for (int first = 0; first < count; first += 2) {
      std::fill_n(weight.begin(), 2 * c * c, 0.0f);
      for (int m = first; m < std::min(first + 2, count); ++m) {
        fill(m, w);
        float* const rows = weight.data() + static_cast<size_t>(m - first) * c * c;  // a row an output
        for (size_t i = 0; i < c; ++i) {
          for (size_t j = 0; j < c; ++j) rows[j * c + i] = w[i * c + j];
        }
      }
      const auto width = static_cast<int64_t>(c);
      in_proj_.push_back(inputs.backend.make_linear(
          {.name = "projections of the policy's own",
           .weight = {.data = weight.data(), .dtype = DType::kF32, .shape = {3 * width, width}},
           .bias = {.data = bias.data(), .dtype = DType::kF32, .shape = {3 * width}},
           .input = inputs.backend.activation_dtype(),
           .output = inputs.backend.activation_dtype()}));
    }
  }

  PlanNeeds needs(const WindowShape& shape) const override {
    PlanNeeds out;
    if (in_proj_.size() > 1) out.buffers.push_back({"map", shape.heads * shape.tokens * shape.tokens * 4});
    return out;
  }

  void encode(BlockRunner& runner, float* features) const override {
    const int last = runner.blocks() - 1;
    const TokenRows tokens = runner.tokens();
    const int64_t matrix = runner.shape().tokens * runner.shape().tokens;
    runner.run_blocks(0, last);
    for (size_t i = 0; i < in_proj_.size(); ++i) {
      const bool first = i == 0, final = i + 1 == in_proj_.size();
      runner.project_qkv(last, tokens, *in_proj_[i]);
      AttentionParams attention = runner.attention();
      const bool pair = static_cast<int>(2 * i) + 1 < count_;
      attention.scores = pair ? AttentionScores::kCorrelative : AttentionScores::kQueryQuery;
      attention.softmax_scale /= temperature_;
      attention.softmax_weight = 1.0f / static_cast<float>(count_);
      if (!final) {
        attention.out = nullptr;
        attention.probabilities = runner.buffer("map");
        attention.accumulate = !first;
      } else if (!first) {
        attention.added = {runner.buffer("map"), runner.shape().heads * matrix, matrix};
      }
      runner.stream().attention(attention);
    }
    runner.add_attention(last, tokens);
    runner.add_mlp(last, tokens);
    runner.project(runner.patches(), features);
  }

 private:
  int count_;  // of matrices
  float temperature_;
  std::vector<std::unique_ptr<Linear>> in_proj_;  // C → 3C: two matrices or one and zeros, and the model's values
};

// W from a file, heads laid along the diagonal where they have matrices of their own.
void spread(const NpyArray& array, const VisionConfig& vision, std::span<float> w) {
  const std::vector<float> values = to_f32(array.view());
  const auto c = static_cast<size_t>(vision.width), d = static_cast<size_t>(vision.head_dim());
  if (values.size() == w.size()) {
    std::copy(values.begin(), values.end(), w.begin());
    return;
  }
  std::fill(w.begin(), w.end(), 0.0f);
  const size_t step = array.shape.rank == 3 ? d * d : 0;  // from a head's matrix to the next
  for (size_t head = 0; head * d < c; ++head) {
    for (size_t i = 0; i < d; ++i) {
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(head * step + i * d), d,
                  w.begin() + static_cast<std::ptrdiff_t>((head * d + i) * c + head * d));
    }
  }
}

}  // namespace

std::shared_ptr<const DenseHead> make_identity(const Policy&, const HeadInputs& inputs) {
  const auto c = static_cast<size_t>(inputs.blob.config().vision.width);
  const auto fill = [c](int, std::span<float> w) {
    std::fill(w.begin(), w.end(), 0.0f);
    for (size_t i = 0; i < c; ++i) w[i * c + i] = 1;
  };
  return std::make_shared<OwnProjectionHead>(1, fill, inputs);
}

std::shared_ptr<const DenseHead> make_random(const Policy& policy, const HeadInputs& inputs) {
  const auto seed = static_cast<uint32_t>(policy.number("seed"));
  const int64_t c = inputs.blob.config().vision.width;
  const auto fill = [seed, c](int index, std::span<float> w) {
    random_projection(seed, static_cast<uint32_t>(index), c, w);
  };
  return std::make_shared<OwnProjectionHead>(static_cast<int>(policy.number("n")), fill, inputs);
}

std::shared_ptr<const DenseHead> make_learned(const Policy& policy, const HeadInputs& inputs) {
  const std::string file(policy.text("file"));
  SCLIP_CHECK(
      !file.empty(), kInvalidArgument,
      "policy learned: it needs the file of its matrix: learned:file=W.npy (weights/learned_attention trains one)");
  const VisionConfig& vision = inputs.blob.config().vision;
  const int64_t c = vision.width, a = vision.heads, d = vision.head_dim();
  const NpyArray array = read_npy(file);
  SCLIP_CHECK(array.dtype == DType::kF32 || array.dtype == DType::kF16, kInvalidArgument, "policy learned: ", file,
              " holds ", to_string(array.dtype), "; it must be f32 or f16");
  const auto is = [&](std::initializer_list<int64_t> sides) { return array.shape == Shape(sides); };
  SCLIP_CHECK(is({c, c}) || is({a, d, d}) || is({d, d}), kInvalidArgument, "policy learned: ", file, " has the shape ",
              to_string(array.shape), "; for this model it must be (", c, ", ", c, "), (", a, ", ", d, ", ", d,
              ") or (", d, ", ", d, ")");
  const auto fill = [&](int, std::span<float> w) {
    spread(array, vision, w);
    SCLIP_CHECK(std::all_of(w.begin(), w.end(), [](float x) { return std::isfinite(x); }), kInvalidArgument,
                "policy learned: ", file, " holds values that are not finite");
  };
  return std::make_shared<OwnProjectionHead>(1, fill, inputs);
}

}  // namespace sclip
