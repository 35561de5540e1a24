// As the released code has it, on windows of any shape:
//   A_c     mean of the q·kᵀ maps of the published blocks 6 … 9, per head, the class token included
//   pass 1  A = τ_r [(1 − λ_r) σ(k·kᵀ + ω) + λ_r A_c]; out_proj; ln_post; projection; cosines with every query
//   labels  the cosines at the window's pixels, refined by PAMR (10 iterations; 8, 16) along the window itself; softmax
//           of 40 times them; of each pixel the best query, 0 where it is below t; of each patch the most frequent
//   pass 2  the scores τ_s [(1 − λ_s) k·kᵀ + λ_s V] + ω in the place of k·kᵀ + ω, V of kernels/label_affinity
// q, k and v are those of pass 1: the block's input is the same.
#include "engine/dense_head/resclip.h"

#include <algorithm>
#include <numeric>

#include "engine/dense_head/depth.h"
#include "engine/dense_head/locality.h"
#include "kernels/label_affinity/label_affinity.h"
#include "kernels/label_planes/label_planes.h"
#include "kernels/pamr/pamr.h"
#include "kernels/window_merge/window_merge.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr float kSigma = kAffinitySigma;
constexpr float kLogitScale = 40;
constexpr PamrDilations kDilations = {8, 16};
constexpr int64_t kIterations = 10;
// Planes of cosines of one window that are refined at once take this much of the plan; more windows refine more at
// once.
constexpr int64_t kPlaneBytes = int64_t{4} << 20;
constexpr const char* kZero = "the number 0";  // a window's place in itself

struct Mixing {
  float tau_r, lambda_r, tau_s, lambda_s, threshold;
};

class ResClipHead : public DenseHead {
 public:
  ResClipHead(const Mixing& mixing, const HeadInputs& inputs)
      : DenseHead(inputs.words),
        mixing_(mixing),
        temperature_(inputs.temperature),
        patch_(inputs.blob.config().vision.patch_size),
        pass_twice_(mixing.lambda_s > 0) {
    const int blocks = inputs.blob.config().vision.layers;
    for (const int published : {6, 7, 8, 9}) {
      const int block = block_at_depth(published, blocks) - 1;
      if (block < blocks - 1) middle_.push_back(block);
    }
    middle_.erase(std::unique(middle_.begin(), middle_.end()), middle_.end());
    if (mixing.lambda_r == 0) middle_.clear();
    if (!pass_twice_) return;
    const int64_t queries = inputs.words.count;
    SCLIP_CHECK(
        inputs.words.similarity != nullptr, kInvalidArgument,
        "policy resclip labels the patches with the words on the way to its features, and here there are no words; "
        "give classes, or leave that out with resclip:lambda-s=0");
    SCLIP_CHECK(queries <= 65536, kInvalidArgument, "policy resclip labels patches with at most 65536 queries, not ",
                queries);
    query_class_.resize(static_cast<size_t>(queries));
    std::iota(query_class_.begin(), query_class_.end(), 0);
    query_class_there_ =
        inputs.backend.share_or_copy({.data = query_class_.data(), .dtype = DType::kI32, .shape = {queries}});
  }

  PlanNeeds needs(const WindowShape& shape) const override {
    const int64_t n = shape.tokens, hw = shape.patches();
    PlanNeeds out;
    out.constants.push_back(locality_bias(shape, kSigma));
    if (!middle_.empty()) out.buffers.push_back({"resclip maps", shape.heads * n * n * 4});
    if (!pass_twice_) return out;
    out.constants.push_back({kZero, [] { return std::vector<float>{0.0f}; }});
    // A window has up to patch − 1 pixels more than its patches on either axis.
    const int64_t pixels = (shape.grid_h + 1) * patch_ * (shape.grid_w + 1) * patch_;
    const int64_t queries = words().count;
    out.buffers.push_back({"resclip cosines", hw * queries * 4});
    out.buffers.push_back({"resclip weights", pamr_neighbours(kDilations) * pixels * 4});
    out.buffers.push_back({"resclip planes", planes_of(pixels) * pixels * 4});
    out.buffers.push_back({"resclip state", static_cast<int64_t>(state_bytes(shape))});
    out.buffers.push_back({"resclip scores", pixels * 4});
    out.buffers.push_back({"resclip labels", pixels * 2});
    out.buffers.push_back({"resclip patch labels", hw * 4});
    out.buffers.push_back({"resclip affinity", (hw + 1) * hw * 8});
    out.buffers.push_back({"resclip bias", n * n * 4});
    return out;
  }

  // The labels are made by calls for each window and group of queries, too many for a recording.
  bool may_be_recorded() const override { return !pass_twice_; }

  void encode(BlockRunner& runner, float* features) const override {
    const int last = runner.blocks() - 1;
    for (int block = 0; block < last; ++block) {
      AttentionParams attention = runner.attention();
      if (const auto found = std::find(middle_.begin(), middle_.end(), block); found != middle_.end()) {
        attention.probabilities = runner.buffer("resclip maps");
        attention.accumulate = found != middle_.begin();
      }
      runner.run_block(block, attention);
    }

    runner.project_qkv(last, runner.tokens());
    AttentionParams attention = mixed(runner);
    attention.bias = {runner.constant(locality_)};
    if (!pass_twice_) attention.softmax_scale *= mixing_.tau_s;
    read_out(runner, attention, features);
    if (!pass_twice_) return;

    label_patches(runner, features);
    attention = mixed(runner);
    const int64_t n = runner.shape().tokens;
    attention.bias = {.data = runner.buffer("resclip bias"), .batch_stride = n * n};
    if (mixing_.lambda_s < 1) {
      attention.softmax_scale *= mixing_.tau_s * (1 - mixing_.lambda_s);
    } else {
      attention.scores = AttentionScores::kBias;
    }
    read_out(runner, attention, features);
  }

 private:
  int64_t planes_of(int64_t pixels) const { return std::clamp<int64_t>(kPlaneBytes / (pixels * 4), 1, words().count); }
  size_t state_bytes(const WindowShape& shape) const {
    return label_state_bytes((shape.grid_h + 1) * patch_, (shape.grid_w + 1) * patch_, words().count);
  }

  // Softmax of keys with keys and the middle blocks' maps; the bias is the caller's.
  AttentionParams mixed(BlockRunner& runner) const {
    AttentionParams attention = runner.attention();
    attention.scores = AttentionScores::kKeyKey;
    attention.softmax_scale /= temperature_;
    attention.softmax_weight = mixing_.tau_r;
    if (middle_.empty()) return attention;
    const int64_t map = runner.shape().tokens * runner.shape().tokens;
    attention.softmax_weight = mixing_.tau_r * (1 - mixing_.lambda_r);
    attention.added = {
        .data = runner.buffer("resclip maps"), .batch_stride = runner.shape().heads * map, .head_stride = map};
    attention.added_weight = mixing_.tau_r * mixing_.lambda_r / static_cast<float>(middle_.size());
    return attention;
  }

  // The residual stream is not needed any more: the products overwrite it.
  void read_out(BlockRunner& runner, const AttentionParams& attention, float* features) const {
    runner.stream().attention(attention);
    runner.write_last_attention(runner.tokens());
    runner.project(runner.patches(), features);
  }

  void label_patches(BlockRunner& runner, const float* features) const {
    const WindowShape& shape = runner.shape();
    const WindowBatch& batch = runner.windows();
    Stream& stream = runner.stream();
    const int64_t hw = shape.patches(), height = batch.window_height, width = batch.window_width,
                  pixels = height * width, queries = words().count;
    float* cosines = runner.buffer("resclip cosines");
    float* weights = runner.buffer("resclip weights");
    float* planes = runner.buffer("resclip planes");
    float* scores = runner.buffer("resclip scores");
    auto* labels = reinterpret_cast<uint16_t*>(runner.buffer("resclip labels"));
    const auto* zero = reinterpret_cast<const int32_t*>(runner.constant(kZero));
    const int64_t at_once =
        std::min(queries, planes_of((shape.grid_h + 1) * patch_ * (shape.grid_w + 1) * patch_) * runner.batch());
    stream.linear(*words().similarity, features, runner.batch() * hw, cosines);
    for (int64_t b = 0; b < runner.batch(); ++b) {
      stream.pamr_weights({.image = batch.image,
                           .image_height = height,
                           .image_width = width,
                           .image_row_stride = batch.width,
                           .image_plane_stride = batch.height * batch.width,
                           .corner = batch.windows + b,
                           .height = height,
                           .width = width,
                           .dilations = kDilations,
                           .weights = weights});
      const WindowLogits window{.logits = cosines + b * hw * queries,
                                .window_x = zero,
                                .window_y = zero,
                                .windows_x = 1,
                                .windows_y = 1,
                                .window_width = width,
                                .window_height = height,
                                .grid_h = shape.grid_h,
                                .grid_w = shape.grid_w,
                                .queries = queries,
                                .resized_width = width,
                                .resized_height = height,
                                .photo_width = width,
                                .photo_height = height};
      LabelPlanesParams label{.rule = {.queries = queries,
                                       .classes = queries,
                                       .query_class = static_cast<const int32_t*>(query_class_there_->data()),
                                       .logit_scale = kLogitScale,
                                       .prob_threshold = mixing_.threshold},
                              .height = height,
                              .width = width,
                              .state = runner.buffer("resclip state"),
                              .out = {.labels = labels + b * pixels, .label_dtype = DType::kU16, .scores = scores}};
      for (int64_t first = 0; first < queries; first += at_once) {
        const int64_t count = std::min(at_once, queries - first);
        stream.window_planes({.windows = window, .first_query = first, .count = count, .planes = planes});
        stream.pamr({.weights = weights,
                     .height = height,
                     .width = width,
                     .dilations = kDilations,
                     .planes = planes,
                     .count = count,
                     .iterations = kIterations});
        label.planes = planes;
        label.first_query = first;
        label.count = count;
        stream.label_planes(label);
      }
      label.step = LabelStep::kFinish;
      stream.label_planes(label);
    }
    auto* affinity = reinterpret_cast<double*>(runner.buffer("resclip affinity"));
    stream.label_affinity({.labels = labels,
                           .omega = runner.constant(locality_),
                           .patch_labels = reinterpret_cast<int32_t*>(runner.buffer("resclip patch labels")),
                           .affinity = affinity,
                           .largest = affinity + runner.batch() * hw * hw,
                           .bias = runner.buffer("resclip bias"),
                           .batch = runner.batch(),
                           .height = height,
                           .width = width,
                           .patch = patch_,
                           .grid_h = shape.grid_h,
                           .grid_w = shape.grid_w,
                           .lambda = mixing_.lambda_s,
                           .scale = mixing_.tau_s});
  }

  Mixing mixing_;
  float temperature_;
  int64_t patch_;
  bool pass_twice_;  // else what labels would say has no weight
  const std::string locality_ = locality_name(kSigma);
  std::vector<int> middle_;           // blocks whose maps are mixed in, ascending
  std::vector<int32_t> query_class_;  // each query a class by itself
  std::unique_ptr<Memory> query_class_there_;
};

}  // namespace

MakeDenseHead resclip() {
  return [](const Policy& policy, const HeadInputs& inputs) -> std::shared_ptr<const DenseHead> {
    const auto number = [&](std::string_view option) { return static_cast<float>(policy.number(option)); };
    return std::make_shared<ResClipHead>(Mixing{.tau_r = number("tau-r"),
                                                .lambda_r = number("lambda-r"),
                                                .tau_s = number("tau-s"),
                                                .lambda_s = number("lambda-s"),
                                                .threshold = number("t")},
                                         inputs);
  };
}

}  // namespace sclip
