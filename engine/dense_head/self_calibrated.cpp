#include "engine/dense_head/self_calibrated.h"

#include <charconv>

#include "engine/dense_head/depth.h"
#include "kernels/add_rows/add_rows.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/matmul/matmul.h"
#include "kernels/outlier_patches/outlier_patches.h"
#include "kernels/similarity_maps/similarity_maps.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr float kSharpness = 3;  // of the late cosines in the last block's attention

}  // namespace

CalibrationDepths CalibrationDepths::of(int blocks) {
  if (blocks == 24) return {.early = 7, .late = 17, .sum_first = 9, .sum_last = 19};
  const auto depth = [blocks](int published) { return std::min(block_at_depth(published, blocks), blocks - 1); };
  return {.early = depth(4), .late = depth(9), .sum_first = depth(4), .sum_last = depth(10)};
}

std::vector<PolicyOption> calibration_options() {
  return {{.name = "threshold", .value = "0.4", .min = 0, .max = 1, .meaning = "lower cosines of patches count as 0"},
          {.name = "class-weight",
           .value = "published",
           .meaning = "of the class token, added to each patch: 0 to 100; published: 0.3, with 24 blocks 0.1"}};
}

CalibrationOptions read_calibration(const Policy& policy, const HeadInputs& inputs) {
  const int blocks = inputs.blob.config().vision.layers;
  SCLIP_CHECK(blocks >= 2, kInvalidArgument, "policy ", policy.name(),
              " reads features from before the last block, and the image tower of ", inputs.blob.name(),
              " has no other block");
  CalibrationOptions out{.depths = CalibrationDepths::of(blocks),
                         .threshold = static_cast<float>(policy.number("threshold")),
                         .class_weight = blocks == 24 ? 0.1f : 0.3f,
                         .temperature = inputs.temperature};
  const std::string_view weight = policy.text("class-weight");
  if (weight != "published") {
    const auto [end, error] = std::from_chars(weight.data(), weight.data() + weight.size(), out.class_weight);
    // Written so that NaN fails.
    const bool valid = error == std::errc{} && end == weight.data() + weight.size() && out.class_weight >= 0 &&
                       out.class_weight <= 100;
    SCLIP_CHECK(valid, kInvalidArgument, "policy ", policy.name(),
                ": option 'class-weight' is 'published' or a number from 0 to 100, not '", weight, "'");
  }
  return out;
}

PlanNeeds SelfCalibratedHead::needs(const WindowShape& shape) const {
  const int64_t n = shape.patches(), map = n * n * 4, rows = n * shape.width * 4;
  return {.buffers = {{"early map", map},
                      {"late map", map},
                      {"late attention", map},
                      {"stream sum", shape.tokens * shape.width * 4},
                      {"late patches", rows},
                      {"patches", rows},
                      {"unit patches", rows},
                      {"map sums", n * 4},
                      {"outlier radii", n * 4},
                      {"outlier scores", n * 4},
                      {"outlier mask", n * 4}},
          .constants = {}};
}

void SelfCalibratedHead::encode(BlockRunner& runner, float* features) const {
  const int last = runner.blocks() - 1;
  Stream& stream = runner.stream();
  const TokenRows x = input(runner), unit = dense(runner, "unit patches");
  float* const late_map = runner.buffer("late map");

  run_to_last(runner);
  add(runner, runner.patches(), 1, x, 0);
  repair(runner);
  cosines(runner, late(runner), late_map);
  stream.similarity_maps({.x = late_map,
                          .sums = runner.buffer("map sums"),
                          .rows = late_map,
                          .attention = runner.buffer("late attention"),
                          .batch = runner.batch(),
                          .patches = x.rows,
                          .threshold = options_.threshold,
                          .scale = kSharpness / options_.temperature,
                          .of_kept = attends_kept_only()});
  mix(runner, late_map, x, unit);

  // Both passes are projected and mixed alike, and both have the class token of their input: they are one sum.
  const TokenRows sum = late(runner), stream_sum = runner.rows_of(runner.buffer("stream sum"));
  const TokenRows class_of_sum{stream_sum.data, 1, stream_sum.stride};
  add(runner, runner.class_tokens(), options_.class_weight, sum, 0);
  add(runner, class_of_sum, options_.class_weight, sum, 1);
  for (const Pass pass : {Pass::kFirst, Pass::kSecond}) {
    runner.project_qkv(last, pass == Pass::kFirst ? unit : runner.without_class_token(stream_sum));
    attend(runner, pass);
    runner.add_attention(last, sum);
  }
  mix(runner, runner.buffer("early map"), sum, x);
  runner.project(x, features);
}

void SelfCalibratedHead::run_to_last(BlockRunner& runner) const {
  const CalibrationDepths& depths = options_.depths;
  float* const early_map = runner.buffer("early map");
  float* const sum = runner.buffer("stream sum");
  for (int number = 1; number < runner.blocks(); ++number) {
    run(runner, number);
    if (number == depths.early) {
      cosines(runner, runner.patches(), early_map);
      runner.stream().similarity_maps({.x = early_map,
                                       .rows = early_map,
                                       .batch = runner.batch(),
                                       .patches = runner.shape().patches(),
                                       .threshold = options_.threshold});
    }
    if (number == depths.sum_first) {
      runner.keep_tokens(sum);
    } else if (number > depths.sum_first && number <= depths.sum_last) {
      add(runner, runner.tokens(), 1, runner.rows_of(sum), 1);
    }
    if (number == depths.late) keep_late(runner);
  }
}

void SelfCalibratedHead::repair(BlockRunner& runner) const {
  const Outliers outliers = mark_outliers(runner);
  if (!outliers.marked) return;
  for (const TokenRows& rows : {input(runner), late(runner)}) {
    runner.stream().repair_patches({.x = rows.data,
                                    .mask = mask(runner),
                                    .batch = runner.batch(),
                                    .grid_h = runner.shape().grid_h,
                                    .grid_w = runner.shape().grid_w,
                                    .cols = runner.shape().width,
                                    .x_stride = rows.stride,
                                    .zero_if_alone = outliers.zero_if_alone});
  }
}

void SelfCalibratedHead::keep_late(BlockRunner& runner) const {
  add(runner, runner.patches(), 1, late(runner), 0);
}

AttentionParams SelfCalibratedHead::last_attention(const BlockRunner& runner) const {
  AttentionParams out = runner.attention(runner.shape().patches());
  out.softmax_scale /= options_.temperature;
  return out;
}

AttentionMatrix SelfCalibratedHead::late_attention(const BlockRunner& runner) {
  const int64_t n = runner.shape().patches();
  return {.data = runner.buffer("late attention"), .batch_stride = n * n};
}

int32_t* SelfCalibratedHead::mask(const BlockRunner& runner) {
  return static_cast<int32_t*>(runner.plan().buffer("outlier mask"));
}

TokenRows SelfCalibratedHead::dense(const BlockRunner& runner, std::string_view buffer) {
  const int64_t rows = runner.shape().patches();
  return {runner.buffer(buffer), rows, rows * runner.shape().width};
}

void SelfCalibratedHead::add(BlockRunner& runner, TokenRows from, float weight, TokenRows to, float to_weight) {
  runner.stream().add_rows({.x = from.data,
                            .y = to.data,
                            .batch = runner.batch(),
                            .rows = to.rows,
                            .cols = runner.shape().width,
                            .x_stride = from.stride,
                            .y_stride = to.stride,
                            .broadcast = from.rows == 1,
                            .x_weight = weight,
                            .y_weight = to_weight});
}

void SelfCalibratedHead::cosines(BlockRunner& runner, TokenRows x, float* out) const {
  const TokenRows unit = dense(runner, "unit patches");
  const int64_t width = runner.shape().width;
  runner.stream().l2_normalize({.x = x.data,
                                .y = unit.data,
                                .batch = runner.batch(),
                                .rows = x.rows,
                                .cols = width,
                                .x_stride = x.stride,
                                .y_stride = unit.stride});
  runner.stream().matmul({.a = unit.data,
                          .b = unit.data,
                          .c = out,
                          .transpose_b = true,
                          .batch = runner.batch(),
                          .rows = x.rows,
                          .cols = x.rows,
                          .depth = width,
                          .a_batch_stride = unit.stride,
                          .b_batch_stride = unit.stride,
                          .c_batch_stride = x.rows * x.rows});
}

void SelfCalibratedHead::mix(BlockRunner& runner, const float* map, TokenRows x, TokenRows out) const {
  runner.stream().matmul({.a = map,
                          .b = x.data,
                          .c = out.data,
                          .batch = runner.batch(),
                          .rows = x.rows,
                          .cols = runner.shape().width,
                          .depth = x.rows,
                          .a_batch_stride = x.rows * x.rows,
                          .b_batch_stride = x.stride,
                          .c_batch_stride = out.stride});
}

}  // namespace sclip
