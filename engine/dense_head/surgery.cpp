#include "engine/dense_head/surgery.h"

#include <cmath>

#include "engine/dense_head/dual_path.h"
#include "engine/dense_head/positions.h"
#include "engine/text/tokenizer.h"
#include "engine/text_encoder.h"
#include "kernels/feature_surgery/feature_surgery.h"
#include "sclip/error.h"
#include "sclip/templates.h"

namespace sclip {
namespace {

constexpr const char* kClassFeatures = "class token's features";  // (B, E)
constexpr const char* kClassScores = "class token's cosines";     // (B, K)

// The embedding (E) of a text that says nothing, as a class name would be embedded.
std::vector<double> empty_text(const HeadInputs& inputs) {
  const Tokenizer tokenizer(inputs.blob.merges());
  std::vector<std::vector<int32_t>> prompts;
  for (const auto& one : imagenet_templates()) {
    prompts.push_back(tokenizer.encode_prompt(apply_template(one, ""), inputs.blob.config().text.context));
  }
  const auto stream = inputs.backend.make_stream();
  const auto features = TextEncoder(inputs.blob, inputs.backend).encode(*stream, prompts);
  const auto dim = static_cast<size_t>(inputs.blob.config().embed_dim);
  std::vector<double> sum(dim, 0.0);
  for (size_t i = 0; i < prompts.size() * dim; ++i) sum[i % dim] += double{features[i]};
  double squares = 0;
  for (const double x : sum) squares += x * x;
  for (double& x : sum) x *= squares > 0 ? 1 / std::sqrt(squares) : 0;
  return sum;
}

class SurgeryHead : public DualPathHead {
 public:
  SurgeryHead(const HeadInputs& inputs, bool feature) : DualPathHead(inputs, bilinear_positions), feature_(feature) {
    if (!feature || inputs.words.count == 0) return;
    weighs_ = inputs.words.count > 1;
    if (weighs_) return;
    const std::vector<double> empty = empty_text(inputs);
    std::vector<float> difference(inputs.words.embeddings.begin(), inputs.words.embeddings.end());
    for (size_t i = 0; i < difference.size(); ++i) {
      difference[i] = static_cast<float>(double{difference[i]} - empty[i]);
    }
    without_empty_ = inputs.backend.make_linear(
        {.name = "a word without the empty text",
         .weight = {
             .data = difference.data(), .dtype = DType::kF32, .shape = {1, static_cast<int64_t>(difference.size())}}});
  }

  PlanNeeds needs(const WindowShape& shape) const override {
    PlanNeeds out = DualPathHead::needs(shape);
    if (weighs_) {
      out.buffers.push_back({kClassFeatures, shape.embed_dim * 4});
      out.buffers.push_back({kClassScores, words().count * 4});
    }
    return out;
  }

  void encode(BlockRunner& runner, float* features) const override {
    DualPathHead::encode(runner, features);
    if (weighs_) runner.project(runner.class_tokens(), runner.buffer(kClassFeatures));
  }

  bool scores_any_words() const override { return !feature_; }
  void score(BlockRunner& runner, const float* features, float* cosines) const override {
    const int64_t hw = runner.shape().patches();
    if (without_empty_ != nullptr) {
      runner.stream().linear(*without_empty_, features, runner.batch() * hw, cosines);
      return;
    }
    DualPathHead::score(runner, features, cosines);
    if (!weighs_) return;
    float* scores = runner.buffer(kClassScores);
    runner.stream().linear(*words().similarity, runner.buffer(kClassFeatures), runner.batch(), scores);
    runner.stream().feature_surgery(
        {.window_scores = scores, .scores = cosines, .batch = runner.batch(), .rows = hw, .words = words().count});
  }

 protected:
  void attend(BlockRunner& runner, float temperature) const override {
    AttentionParams attention = runner.attention();
    attention.scores = AttentionScores::kValueValue;
    attention.softmax_scale /= temperature;
    runner.stream().attention(attention);
  }
  bool finishes_first_stream() const override { return weighs_; }

 private:
  bool feature_;
  bool weighs_ = false;
  std::unique_ptr<Linear> without_empty_;  // of one word: s(t) − s("")
};

}  // namespace

MakeDenseHead surgery() {
  return [](const Policy& policy, const HeadInputs& inputs) -> std::shared_ptr<const DenseHead> {
    return std::make_shared<SurgeryHead>(inputs, policy.number("feature") != 0);
  };
}

}  // namespace sclip
