#include "sclip/run_plan.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/window_grid.h"
#include "sclip/error.h"
#include "sclip/segment_config.h"
#include "tests/catch.h"

namespace sclip {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::WithinRel;

ModelConfig vit_b_16() {
  ModelConfig model;
  model.vision = {.image_size = 224, .patch_size = 16, .width = 768, .layers = 12, .heads = 12, .mlp_width = 3072};
  model.embed_dim = 512;
  model.preprocess.crop = 224;
  model.preprocess.stride = 112;
  model.preprocess.short_side = 336;
  return model;
}

TEST_CASE("plan: windows are those of the grid", "[run_plan]") {
  for (const auto& [width, height] :
       {std::pair{640, 427}, std::pair{427, 640}, std::pair{2048, 1024}, std::pair{91, 60}}) {
    for (const NamedProtocol& protocol : named_protocols()) {
      CAPTURE(width, height, protocol.name);
      const SegmentOptions options = resolve({.protocol = std::string(protocol.name)}, vit_b_16());
      const WindowLayout layout = window_layout(width, height, options, vit_b_16());
      const WindowGrid grid =
          make_window_grid(layout.resized_height, layout.resized_width, protocol.crop, protocol.stride);
      CHECK(layout.windows() == grid.count());
      CHECK(layout.window_width == grid.window_width);
      CHECK(std::min(layout.resized_width, layout.resized_height) == protocol.short_side);
    }
  }
}

TEST_CASE("plan: windows counted by hand, per row of Table 4", "[run_plan]") {
  // 640×480: a long side of short·4/3, rounded. Windows along a side: ceil((L − crop)/stride) + 1.
  const auto windows = [](const char* protocol) {
    return window_layout(640, 480, resolve({.protocol = protocol}, vit_b_16()), vit_b_16()).windows();
  };
  CHECK(windows("table4-1") == 2 * 1);  // 299×224
  CHECK(windows("table4-2") == 3 * 2);  // 448×336: 0, 112, 224 and 0, 112
  CHECK(windows("table4-3") == 2 * 1);  // 448×336 in windows of 336
  CHECK(windows("table4-4") == 5 * 3);  // 597×448: 0, 112, 224, 336, 373 and 0, 112, 224
  CHECK(windows("table4-5") == 2 * 1);  // 597×448 in windows of 448
}

TEST_CASE("plan: a protocol goes before a configuration, and what is given before both", "[run_plan]") {
  SegmentRequest request{.config = "voc21", .protocol = "table4-5"};
  SegmentOptions options = resolve(request, vit_b_16());
  CHECK((options.short_side == 448 && options.crop == 448 && options.stride == 224 && options.logit_scale == 65.f));
  request.stride = 100;
  CHECK(resolve(request, vit_b_16()).stride == 100);
  CHECK_THROWS_WITH(resolve({.protocol = "table4-6"}, vit_b_16()), Contains("table4-6") && Contains("table4-5"));
}

TEST_CASE("plan: the work of ViT-B/16 on a window of 224, counted by hand", "[run_plan]") {
  // N = 197. Multiplications: conv1 196·768·768 = 115,605,504. A block: q, k, v 197·768·2304 = 348,585,984; scores and
  // values 2·197²·768 = 59,610,624; out 197·768² = 116,195,328; MLP 2·197·768·3072 = 929,562,624; together
  // 1,453,954,560, times 12 = 17,447,454,720. Projection 196·768·512 = 77,070,336. In all 17,640,130,560.
  const WindowLayout layout = window_layout(224, 224, {.short_side = 224}, vit_b_16());
  CHECK(layout.windows() == 1);
  CHECK(layout.tokens() == 197);
  CHECK(window_flops(layout, vit_b_16()) == 2 * 17640130560.0);
}

TEST_CASE("plan: memory, counted by hand", "[run_plan]") {
  const WindowLayout layout = window_layout(224, 224, {.short_side = 224}, vit_b_16());
  const RunMemory one = run_memory(224, 224, layout, vit_b_16(), 21, Precision::kF32, 1);
  // Matrices of f32: conv1 589,824, twelve blocks of 7,077,888, the projection 393,216.
  CHECK(one.weights == 4 * (589824.0 + 12 * 7077888.0 + 393216.0));
  // 197 rows of x 768, ln 768, qkv 2304, hidden 3072.
  CHECK(one.windows == 197.0 * 4 * (768 + 768 + 2304 + 3072));
  // The picture in f32, 196 × 21 cosines, and 3 + 2 + 4 bytes a pixel.
  CHECK(one.photo == 3.0 * 4 * 224 * 224 + 4.0 * 196 * 21 + 9.0 * 224 * 224);
  const RunMemory halves = run_memory(224, 224, layout, vit_b_16(), 21, Precision::kBF16, 8);
  CHECK(halves.weights == one.weights / 2);
  CHECK(halves.windows == 8 * 197.0 * (4 * 768 + 2 * (768 + 2304 + 3072)));
  const RunMemory bytes = run_memory(224, 224, layout, vit_b_16(), 21, Precision::kFP8, 8);
  // A byte a weight of the blocks, and a scale for each of 2304 + 768 + 3072 + 768 outputs.
  CHECK(bytes.weights == 2 * (589824.0 + 393216.0) + 12 * (7077888.0 + 4 * 6912.0));
  // The largest product's rows once more in bytes, with a scale each.
  CHECK(bytes.windows == halves.windows + 8 * 197.0 * (3072 + 4));
}

TEST_CASE("plan: time is full groups and a rest", "[run_plan]") {
  const Calibration cpu{.group = 2, .group_seconds = 0.5, .single_seconds = 0.3, .photo_seconds = 0.1};
  CHECK_THAT(predicted_seconds(cpu, 1), WithinRel(0.4));
  CHECK_THAT(predicted_seconds(cpu, 8), WithinRel(2.1));
  CHECK_THAT(predicted_seconds(cpu, 9), WithinRel(2.4));
  const Calibration device{
      .group = 5, .group_seconds = 0.5, .single_seconds = 0.1, .rest_one_by_one = false, .photo_seconds = 0};
  CHECK_THAT(predicted_seconds(device, 1), WithinRel(0.1));
  CHECK_THAT(predicted_seconds(device, 3), WithinRel(0.3));  // half way from one to five
  CHECK_THAT(predicted_seconds(device, 13), WithinRel(1.3));
}

TEST_CASE("plan: within a time the smallest stride, then the most exact precision, then the least time", "[run_plan]") {
  const std::vector<RunChoice> all = {
      {.stride = 112, .precision_rank = 0, .batch = 1, .windows = 8, .seconds = 2.0},
      {.stride = 112, .precision_rank = 1, .batch = 1, .windows = 8, .seconds = 1.0},
      {.stride = 224, .precision_rank = 0, .batch = 1, .windows = 3, .seconds = 0.8},
      {.stride = 224, .precision_rank = 0, .batch = 2, .windows = 3, .seconds = 0.7},
      {.stride = 224, .precision_rank = 1, .batch = 2, .windows = 3, .seconds = 0.4},
  };
  CHECK(choose_within(all, 5) == all[0]);
  CHECK(choose_within(all, 2) == all[0]);
  CHECK(choose_within(all, 1.9) == all[1]);
  CHECK(choose_within(all, 0.9) == all[3]);
  CHECK(choose_within(all, 0.5) == all[4]);
  CHECK(choose_within(all, 0.3) == std::nullopt);
  CHECK(fastest(all) == all[4]);
  const std::vector<RunChoice> reversed(all.rbegin(), all.rend());  // the order does not matter
  for (const double seconds : {5.0, 1.9, 0.9, 0.5})
    CHECK(choose_within(reversed, seconds) == choose_within(all, seconds));
}

TEST_CASE("plan: each larger stride that is tried saves windows, and none leaves gaps", "[run_plan]") {
  const SegmentOptions options;
  const std::vector<int> strides = strides_to_try(640, 427, options, vit_b_16());  // 504×336
  REQUIRE(strides.front() == 112);
  CHECK(strides.size() > 1);
  int windows = window_layout(640, 427, options, vit_b_16()).windows() + 1;
  for (const int stride : strides) {
    SegmentOptions tried = options;
    tried.stride = stride;
    const int count = window_layout(640, 427, tried, vit_b_16()).windows();
    CHECK(count < windows);
    CHECK(stride <= options.crop);
    windows = count;
  }
  CHECK(windows == 3 * 2);  // what windows side by side need
}

TEST_CASE("plan: windows smaller than a patch are refused", "[run_plan]") {
  CHECK_THROWS_WITH(window_layout(2000, 10, {.short_side = 8}, vit_b_16()), Contains("smaller than a patch"));
}

}  // namespace
}  // namespace sclip
