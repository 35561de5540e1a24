#include "kernels/patch_embed/patch_embed.h"

#include "core/error.h"
#include "tests/catch.h"
#include "tests/compare.h"

using namespace sclip;
using testing::random_normal;

TEST_CASE("gather_patches copies the pixels that conv1 would see", "[patch_embed]") {
  struct Case {
    int64_t height, width, grid_h, grid_w, patch;
    std::vector<PatchOrigin> windows;
  };
  const Case c =
      GENERATE(Case{16, 16, 1, 1, 16, {{0, 0}}}, Case{37, 53, 2, 3, 16, {{0, 0}, {5, 5}, {1, 0}}},
               Case{30, 31, 2, 2, 14, {{3, 2}}}, Case{5, 7, 5, 7, 1, {{0, 0}}}, Case{33, 40, 1, 1, 32, {{8, 1}}});
  const auto image = random_normal(static_cast<size_t>(3 * c.height * c.width), 1);
  const auto count =
      static_cast<size_t>(static_cast<int64_t>(c.windows.size()) * c.grid_h * c.grid_w * 3 * c.patch * c.patch);
  std::vector<float> expected(count), actual(count);
  std::vector<BFloat16> rounded(count);
  GatherPatchesParams p{.image = image.data(),
                        .patches = expected.data(),
                        .windows = c.windows.data(),
                        .height = c.height,
                        .width = c.width,
                        .batch = static_cast<int64_t>(c.windows.size()),
                        .grid_h = c.grid_h,
                        .grid_w = c.grid_w,
                        .patch = c.patch};
  ref::gather_patches(p);
  p.patches = actual.data();
  gather_patches_cpu(p);
  CHECK(actual == expected);
  p.patches = rounded.data();
  p.dtype = DType::kBF16;
  gather_patches_cpu(p);
  for (size_t i = 0; i < count; ++i) REQUIRE(rounded[i].bits == to_bfloat16(expected[i]).bits);
}

TEST_CASE("gather_patches refuses a window outside the photo", "[patch_embed]") {
  const std::vector<float> image(3 * 16 * 16);
  std::vector<float> out(3 * 16 * 16);
  const PatchOrigin window{1, 0};
  CHECK_THROWS_AS(gather_patches_cpu({.image = image.data(),
                                      .patches = out.data(),
                                      .windows = &window,
                                      .height = 16,
                                      .width = 16,
                                      .batch = 1,
                                      .grid_h = 1,
                                      .grid_w = 1,
                                      .patch = 16}),
                  Error);
}

TEST_CASE("assemble_tokens agrees with the oracle", "[patch_embed]") {
  const auto [batch, patches, cols] =
      GENERATE(table<int64_t, int64_t, int64_t>({{1, 1, 5}, {2, 49, 256}, {1, 196, 768}, {3, 4, 67}}));
  const auto embedded = random_normal(static_cast<size_t>(batch * patches * cols), 1);
  const auto cls = random_normal(static_cast<size_t>(cols), 2);
  const auto positions = random_normal(static_cast<size_t>((1 + patches) * cols), 3);
  const auto gamma = random_normal(static_cast<size_t>(cols), 4, 1, 0.2f);
  const auto beta = random_normal(static_cast<size_t>(cols), 5);
  std::vector<float> expected(static_cast<size_t>(batch * (1 + patches) * cols)), actual(expected.size());
  AssembleTokensParams p{.embedded = embedded.data(),
                         .class_embedding = cls.data(),
                         .positions = positions.data(),
                         .gamma = gamma.data(),
                         .beta = beta.data(),
                         .tokens = expected.data(),
                         .batch = batch,
                         .patches = patches,
                         .cols = cols};
  ref::assemble_tokens(p);
  p.tokens = actual.data();
  assemble_tokens_cpu(p);
  const auto same = testing::all_close(actual.data(), expected.data(), actual.size(), 64 * 0x1p-24, 32 * 0x1p-24);
  INFO(same.message);
  CHECK(same);
}
