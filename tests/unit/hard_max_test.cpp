#include "engine/dense_head/hard_max.h"

#include <cmath>
#include <filesystem>
#include <vector>

#include "engine/window_encoder.h"
#include "sclip/engine.h"
#include "tests/catch.h"
#include "tests/dut.h"

using namespace sclip;

namespace {

// Token i looks along axis i mod 3 in the first head and against it in the second; token 6 is one ulp short.
class CraftedTokens : public DenseHead {
 public:
  CraftedTokens() : DenseHead({}) {}

  PlanNeeds needs(const WindowShape& shape) const override {
    return {.buffers = {{"scores", shape.heads * shape.tokens * shape.tokens * 4}}, .constants = {}};
  }
  void encode(BlockRunner& runner, float*) const override {
    const WindowShape& shape = runner.shape();
    std::vector<float> qkv(static_cast<size_t>(shape.tokens * 3 * shape.width), 0.0f);
    for (int64_t i = 0; i < shape.tokens; ++i) {
      for (int64_t head = 0; head < shape.heads; ++head) {
        float* const q = qkv.data() + i * 3 * shape.width + head * shape.head_dim;
        q[i % 3] = head == 0 ? 1.0f : -1.0f;
        q[shape.width + i % 3] = i == 6 ? 1 - 0x1p-24f : 1.0f;
        for (int64_t c = 0; c < shape.head_dim; ++c) q[2 * shape.width + c] = static_cast<float>(i);
      }
    }
    runner.stream().upload(runner.plan().qkv(), qkv.data(), qkv.size() * sizeof(float));
    runner.stream().synchronize();
    hard_attention(runner, runner.buffer("scores"));
    out.resize(static_cast<size_t>(shape.tokens * shape.width));
    runner.stream().download(out.data(), runner.plan().normed(), out.size() * sizeof(float));
    runner.stream().synchronize();
  }
  mutable std::vector<float> out;  // (N, C)
};

}  // namespace

TEST_CASE("hard attention takes the largest scores, and equal ones share", "[device]") {
  const auto engine = Engine::load(std::filesystem::path(SCLIP_SOURCE_DIR) / "tests/data/goldens/tiny.sclip",
                                   {.backend = {.device = testing::device_under_test(), .precision = Precision::kF32}});
  const Backend& backend = engine->backend();
  const auto stream = backend.make_stream();
  const int64_t patch = engine->config().vision.patch_size, height = 2 * patch, width = 3 * patch;
  const std::vector<float> image(static_cast<size_t>(3 * height * width), 0.5f);
  const PatchOrigin corner{};
  const auto device_image = backend.allocate(image.size() * sizeof(float));
  const auto device_corner = backend.allocate(sizeof(corner));
  stream->upload(device_image->data(), image.data(), image.size() * sizeof(float));
  stream->upload(device_corner->data(), &corner, sizeof(corner));
  stream->synchronize();

  const CraftedTokens head;
  WindowEncoder encoder(engine->vision(), backend);
  encoder.encode(*stream,
                 {.image = static_cast<const float*>(device_image->data()),
                  .height = height,
                  .width = width,
                  .windows = static_cast<const PatchOrigin*>(device_corner->data()),
                  .count = 1,
                  .window_height = height,
                  .window_width = width},
                 head, 1, {}, [](BlockRunner&, int64_t, const float*) {});

  const int64_t heads = engine->config().vision.heads, d = engine->config().vision.head_dim();
  REQUIRE(heads >= 2);
  REQUIRE(head.out.size() == static_cast<size_t>(7 * heads * d));
  const auto at = [&](int64_t token, int64_t of_head) {
    return head.out[static_cast<size_t>((token * heads + of_head) * d + d - 1)];
  };
  for (int64_t i = 0; i < 7; ++i) {
    CAPTURE(i);
    // Along the axis: tokens 0 and 3 (6 is an ulp short), 1 and 4, 2 and 5. Sums of two, halved, are exact.
    CHECK(at(i, 0) == (i % 3 == 0 ? 1.5f : i % 3 == 1 ? 2.5f : 3.5f));
    // Against it: all others have 0. The mean of 1, 2, 4, 5; of 0, 2, 3, 5, 6; of 0, 1, 3, 4, 6.
    CHECK(std::abs(at(i, 1) - (i % 3 == 0 ? 3.0f : i % 3 == 1 ? 3.2f : 2.8f)) <= 2e-6f);
  }
}
