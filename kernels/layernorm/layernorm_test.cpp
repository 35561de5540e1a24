#include "kernels/layernorm/layernorm.h"

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using Catch::Matchers::Contains;
using testing::random_normal;

namespace {

struct Case {
  int64_t rows, cols;
  float mean, deviation;
};

}  // namespace

TEST_CASE("layernorm agrees with the oracle", "[layernorm]") {
  // A row mean of 3000 with deviation 1 is where one-pass variances fail.
  const Case c =
      GENERATE(Case{1, 1, 0, 1}, Case{1, 7, 0, 1}, Case{2, 64, 0, 1}, Case{50, 768, 0, 1}, Case{197, 768, 5, 2},
               Case{3, 1023, 300, 1}, Case{5, 769, 3000, 1}, Case{2, 256, 0, 1e-4f}, Case{3, 512, 0, 1},
               Case{2, 1024, 1, 1}, Case{2, 1280, 0, 1}, Case{1, 2048, 0, 1}, Case{2, 4096, 0, 1});
  CAPTURE(c.rows, c.cols, c.mean, c.deviation);
  const auto n = static_cast<size_t>(c.rows * c.cols);
  const auto x = random_normal(n, 1, c.mean, c.deviation);
  const auto gamma = random_normal(static_cast<size_t>(c.cols), 2, 1, 0.2f);
  const auto beta = random_normal(static_cast<size_t>(c.cols), 3, 0, 0.2f);
  std::vector<float> expected(n);
  LayerNormParams p{.x = x.data(), .gamma = gamma.data(), .beta = beta.data(), .rows = c.rows, .cols = c.cols};
  p.y = expected.data();
  ref::layernorm(p);

  testing::Dut& dut = testing::Dut::get();
  for (const size_t offset : {0, 1}) {
    auto x_device = dut.copy(x, offset);
    auto gamma_device = dut.copy(gamma);
    auto beta_device = dut.copy(beta);
    p.x = x_device.data();
    p.gamma = gamma_device.data();
    p.beta = beta_device.data();
    for (const DType dtype : dut.dtypes()) {
      auto y = dut.output<std::byte>(n * size_of(dtype));
      p.y = y.data();
      p.y_dtype = dtype;
      dut.stream().layernorm(p);
      const std::vector<float> actual = testing::widen(dtype, y.host());
      // (x − mean) loses |mean|·eps to cancellation, divided by the deviation; then a handful of roundings of the
      // result.
      const double eps = 0x1p-24;
      const double tolerance = eps * (32 + 8 * std::abs(c.mean) / c.deviation);
      const double rounding = dtype == DType::kF32 ? 0 : testing::epsilon_of(dtype);
      const auto same = testing::all_close(actual.data(), expected.data(), n, 4 * tolerance + 0x1p-24 * rounding,
                                           tolerance + rounding);
      CAPTURE(to_string(dtype), offset);
      INFO(same.message);
      CHECK(same);
    }
  }
}

TEST_CASE("layernorm works in place", "[layernorm]") {
  // Held in registers, and read in a loop: 4096 columns, columns that make no vectors, and an address off alignment.
  const auto [cols, offset] = GENERATE(table<int64_t, size_t>({{768, 0}, {4096, 0}, {101, 0}, {256, 1}}));
  CAPTURE(cols, offset);
  const int64_t batch = 2, rows = 3, stride = 4 * cols;
  const auto x = random_normal(static_cast<size_t>(batch * stride), 11);
  const auto gamma = random_normal(static_cast<size_t>(cols), 12, 1, 0.2f);
  const auto beta = random_normal(static_cast<size_t>(cols), 13);
  std::vector<float> expected = x;
  LayerNormParams p{.x = x.data(),
                    .y = expected.data(),
                    .gamma = gamma.data(),
                    .beta = beta.data(),
                    .batch = batch,
                    .rows = rows,
                    .cols = cols,
                    .x_stride = stride,
                    .y_stride = stride};
  ref::layernorm(p);
  testing::Dut& dut = testing::Dut::get();
  auto both = dut.copy(x, offset), gamma_device = dut.copy(gamma), beta_device = dut.copy(beta);
  p.x = both.data();
  p.y = both.data();
  p.gamma = gamma_device.data();
  p.beta = beta_device.data();
  dut.stream().layernorm(p);
  const auto actual = both.host();
  const auto same = testing::all_close(actual.data(), expected.data(), actual.size(), 128 * 0x1p-24, 32 * 0x1p-24);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("layernorm refuses what it cannot do", "[layernorm]") {
  testing::Dut& dut = testing::Dut::get();
  auto x = dut.output<float>(64), y = dut.output<float>(64), gamma = dut.output<float>(8), beta = dut.output<float>(8);
  const LayerNormParams good{.x = x.data(),
                             .y = y.data(),
                             .gamma = gamma.data(),
                             .beta = beta.data(),
                             .batch = 2,
                             .rows = 2,
                             .cols = 8,
                             .x_stride = 32,
                             .y_stride = 16};
  CHECK_NOTHROW(dut.stream().layernorm(good));
  LayerNormParams p = good;
  p.gamma = nullptr;
  CHECK_THROWS_WITH(dut.stream().layernorm(p), Contains("x, y, gamma and beta must be given"));
  p = good;
  p.cols = 0;
  CHECK_THROWS_WITH(dut.stream().layernorm(p), Contains("2 × 2 rows of 0 columns"));
  p = good;
  p.y_stride = 15;
  CHECK_THROWS_WITH(dut.stream().layernorm(p), Contains("would overlap in y"));
  p = good;
  p.y_dtype = DType::kI32;
  CHECK_THROWS_WITH(dut.stream().layernorm(p), Contains("layernorm takes F32, F16 or BF16, not"));
  p = good;
  p.y = x.data();
  CHECK_THROWS_WITH(dut.stream().layernorm(p), Contains("in place needs y in F32 and equal strides"));
  dut.stream().synchronize();
}

TEST_CASE("layernorm works in place, with strides, and rounds once to bf16", "[layernorm][cpu]") {
  const int64_t batch = 3, rows = 2, cols = 100, stride = 5 * cols;
  const auto x = random_normal(static_cast<size_t>(batch * stride), 1);
  const auto gamma = random_normal(cols, 2, 1, 0.2f);
  const auto beta = random_normal(cols, 3);
  std::vector<float> expected(batch * rows * cols), in_place = x;
  std::vector<BFloat16> rounded(batch * rows * cols);
  LayerNormParams p{.x = x.data(),
                    .y = expected.data(),
                    .gamma = gamma.data(),
                    .beta = beta.data(),
                    .batch = batch,
                    .rows = rows,
                    .cols = cols,
                    .x_stride = stride,
                    .y_stride = rows * cols};
  layernorm_cpu(p, testing::cpu_queue());
  p.y = rounded.data();
  p.y_dtype = DType::kBF16;
  layernorm_cpu(p, testing::cpu_queue());
  for (size_t i = 0; i < expected.size(); ++i) REQUIRE(rounded[i].bits == to_bfloat16(expected[i]).bits);

  p.x = in_place.data();
  p.y = in_place.data();
  p.y_dtype = DType::kF32;
  p.y_stride = stride;
  layernorm_cpu(p, testing::cpu_queue());
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t i = 0; i < stride; ++i) {
      const auto at = static_cast<size_t>(b * stride + i);
      const float want = i < rows * cols ? expected[static_cast<size_t>(b * rows * cols + i)] : x[at];
      REQUIRE(in_place[at] == want);
    }
  }
}

TEST_CASE("layernorm of strided batches leaves the gaps alone", "[layernorm]") {
  const int64_t batch = 3, rows = 2, cols = 100, x_stride = 5 * cols, y_stride = 3 * cols;
  const auto x = random_normal(static_cast<size_t>(batch * x_stride), 1);
  const auto gamma = random_normal(cols, 2, 1, 0.2f);
  const auto beta = random_normal(cols, 3);
  const std::vector<float> before(static_cast<size_t>(batch * y_stride), -7.0f);
  std::vector<float> expected = before;
  LayerNormParams p{.x = x.data(),
                    .y = expected.data(),
                    .gamma = gamma.data(),
                    .beta = beta.data(),
                    .batch = batch,
                    .rows = rows,
                    .cols = cols,
                    .x_stride = x_stride,
                    .y_stride = y_stride};
  ref::layernorm(p);
  testing::Dut& dut = testing::Dut::get();
  auto x_device = dut.copy(x), gamma_device = dut.copy(gamma), beta_device = dut.copy(beta), y = dut.copy(before);
  p.x = x_device.data();
  p.gamma = gamma_device.data();
  p.beta = beta_device.data();
  p.y = y.data();
  dut.stream().layernorm(p);
  const auto actual = y.host();
  const auto same = testing::all_close(actual.data(), expected.data(), actual.size(), 128 * 0x1p-24, 32 * 0x1p-24);
  INFO(same.message);
  CHECK(same);
}
