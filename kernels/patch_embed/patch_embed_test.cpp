#include "kernels/patch_embed/patch_embed.h"

#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

TEST_CASE("gather_patches copies the pixels that conv1 would see", "[patch_embed][cpu]") {
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
  PatchEmbedParams p{.image = image.data(),
                     .windows = c.windows.data(),
                     .height = c.height,
                     .width = c.width,
                     .batch = static_cast<int64_t>(c.windows.size()),
                     .grid_h = c.grid_h,
                     .grid_w = c.grid_w,
                     .patch = c.patch,
                     .cols = 1};
  const float unused = 0;
  float token = 0;
  p.class_embedding = p.positions = p.gamma = p.beta = &unused;
  p.tokens = &token;
  ref::gather_patches(p, expected.data());
  gather_patches_cpu(p, actual.data(), testing::cpu_queue());
  CHECK(actual == expected);
  p.dtype = DType::kBF16;
  gather_patches_cpu(p, rounded.data(), testing::cpu_queue());
  for (size_t i = 0; i < count; ++i) REQUIRE(rounded[i].bits == to_bfloat16(expected[i]).bits);
}

TEST_CASE("gather_patches refuses a window outside the photo", "[patch_embed][cpu]") {
  const std::vector<float> image(3 * 16 * 17);
  std::vector<float> out(3 * 16 * 16);
  const PatchOrigin window{1, 0};
  const float unused = 0;
  float token = 0;
  const PatchEmbedParams p{.image = image.data(),
                           .windows = &window,
                           .class_embedding = &unused,
                           .positions = &unused,
                           .gamma = &unused,
                           .beta = &unused,
                           .tokens = &token,
                           .height = 16,
                           .width = 17,
                           .batch = 1,
                           .grid_h = 1,
                           .grid_w = 1,
                           .patch = 16,
                           .cols = 1};
  CHECK_NOTHROW(gather_patches_cpu(p, out.data(), testing::cpu_queue()));
  const PatchOrigin outside{2, 0};
  PatchEmbedParams beyond = p;
  beyond.windows = &outside;
  CHECK_THROWS_WITH(gather_patches_cpu(beyond, out.data(), testing::cpu_queue()),
                    Catch::Matchers::Contains("leaves the 17×16 photo"));
}

TEST_CASE("assemble_tokens agrees with the oracle", "[patch_embed][cpu]") {
  const auto [batch, patches, cols] =
      GENERATE(table<int64_t, int64_t, int64_t>({{1, 1, 5}, {2, 49, 256}, {1, 196, 768}, {3, 4, 67}}));
  auto embedded = random_normal(static_cast<size_t>(batch * patches * cols), 1);
  const auto cls = random_normal(static_cast<size_t>(cols), 2);
  const auto positions = random_normal(static_cast<size_t>((1 + patches) * cols), 3);
  const auto gamma = random_normal(static_cast<size_t>(cols), 4, 1, 0.2f);
  const auto beta = random_normal(static_cast<size_t>(cols), 5);
  std::vector<float> expected(static_cast<size_t>(batch * (1 + patches) * cols)), actual(expected.size());
  PatchEmbedParams p{.class_embedding = cls.data(),
                     .positions = positions.data(),
                     .gamma = gamma.data(),
                     .beta = beta.data(),
                     .tokens = expected.data(),
                     .batch = batch,
                     .grid_h = 1,
                     .grid_w = patches,
                     .cols = cols};
  ref::assemble_tokens(p, embedded.data());
  p.tokens = actual.data();
  assemble_tokens_cpu(p, embedded.data(), testing::cpu_queue());
  const auto same = testing::all_close(actual.data(), expected.data(), actual.size(), 64 * 0x1p-24, 32 * 0x1p-24);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("patch_embed agrees with the oracle", "[patch_embed]") {
  struct Case {
    int64_t height, width, grid_h, grid_w, patch, cols;
    std::vector<PatchOrigin> windows;
  };
  const Case c = GENERATE(Case{16, 16, 1, 1, 16, 64, {{0, 0}}},                     // one patch
                          Case{64, 96, 4, 4, 16, 136, {{0, 0}, {32, 0}, {24, 0}}},  // even columns, ragged channels
                          Case{51, 67, 3, 4, 16, 64, {{3, 2}, {0, 0}}},             // odd columns
                          Case{150, 90, 9, 5, 14, 32, {{1, 3}, {20, 24}}},          // K = 588 is no multiple of 8
                          Case{70, 66, 2, 2, 32, 72, {{2, 1}}}, Case{12, 15, 4, 5, 3, 33, {{0, 0}}},
                          Case{224, 336, 14, 14, 16, 128, {{0, 0}, {112, 0}}});
  testing::Dut& dut = testing::Dut::get();
  const auto batch = static_cast<int64_t>(c.windows.size());
  const int64_t patches = c.grid_h * c.grid_w, depth = 3 * c.patch * c.patch, rows = batch * patches;
  const auto values = random_normal(static_cast<size_t>(3 * c.height * c.width), 1);
  const auto cls = random_normal(static_cast<size_t>(c.cols), 3);
  const auto positions = random_normal(static_cast<size_t>((1 + patches) * c.cols), 4);
  const auto gamma = random_normal(static_cast<size_t>(c.cols), 5, 1, 0.2f);
  const auto beta = random_normal(static_cast<size_t>(c.cols), 6);
  for (const DType dtype : dut.dtypes()) {
    CAPTURE(c.grid_h, c.grid_w, c.patch, c.cols, to_string(dtype));
    const auto weight = testing::round_to(
        dtype, random_normal(static_cast<size_t>(c.cols * depth), 2, 0, 1 / std::sqrt(static_cast<float>(depth))));
    // The oracle takes the pixels as rounded as the kernel does; the product then has exact factors.
    const auto image = testing::round_to(dtype, values);
    std::vector<float> gathered(static_cast<size_t>(rows * depth)), embedded(static_cast<size_t>(rows * c.cols));
    const auto count = static_cast<size_t>(batch * (1 + patches) * c.cols);
    std::vector<float> expected(count);
    PatchEmbedParams p{.image = image.values.data(),
                       .windows = c.windows.data(),
                       .class_embedding = cls.data(),
                       .positions = positions.data(),
                       .gamma = gamma.data(),
                       .beta = beta.data(),
                       .tokens = expected.data(),
                       .height = c.height,
                       .width = c.width,
                       .batch = batch,
                       .grid_h = c.grid_h,
                       .grid_w = c.grid_w,
                       .patch = c.patch,
                       .cols = c.cols};
    ref::gather_patches(p, gathered.data());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t n = 0; n < c.cols; ++n) {
        double sum = 0;
        for (int64_t k = 0; k < depth; ++k) {
          sum += static_cast<double>(gathered[static_cast<size_t>(r * depth + k)]) *
                 static_cast<double>(weight.values[static_cast<size_t>(n * depth + k)]);
        }
        embedded[static_cast<size_t>(r * c.cols + n)] = static_cast<float>(sum);
      }
    }
    ref::assemble_tokens(p, embedded.data());

    const auto conv1 = dut.backend().make_linear(
        {.name = "conv1",
         .weight = {.data = weight.values.data(), .dtype = DType::kF32, .shape = {c.cols, depth}},
         .input = dtype});
    auto image_device = dut.copy(values), cls_device = dut.copy(cls);
    auto gamma_device = dut.copy(gamma), beta_device = dut.copy(beta);
    auto windows = dut.copy(c.windows);
    p.image = image_device.data();
    p.windows = windows.data();
    p.class_embedding = cls_device.data();
    p.gamma = gamma_device.data();
    p.beta = beta_device.data();
    p.dtype = dtype;
    // Floats may lie anywhere that a float may: 4 bytes off any wider boundary too.
    for (const size_t offset : {0, 1}) {
      auto positions_device = dut.copy(positions, offset);
      auto tokens = dut.output<float>(count, 1 - offset);
      p.positions = positions_device.data();
      p.tokens = tokens.data();
      dut.stream().patch_embed(p, *conv1);
      const auto actual = tokens.host();
      // A sum of K products of order 1/√K, in any order, errs by about √K roundings of a value of order 1.
      const double tolerance = 8 * std::sqrt(static_cast<double>(depth)) * 0x1p-24;
      const auto same = testing::all_close(actual.data(), expected.data(), count, 2 * tolerance, tolerance);
      CAPTURE(offset);
      INFO(same.message);
      CHECK(same);
    }
  }
}
