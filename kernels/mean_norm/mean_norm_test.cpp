#include "kernels/mean_norm/mean_norm.h"

#include <limits>

#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

// A lane sums at most n/4 squares, each with a rounding of half an ulp; the root halves that. The mean's own sum of
// positive numbers errs by at most rows/16 roundings (a warp's share), and a few more for what is left.
double tolerance(int64_t rows, int64_t cols) {
  return 0x1p-24 * (6 + static_cast<double>(cols) / 8 + static_cast<double>(rows) / 16);
}

}  // namespace

TEST_CASE("mean_norm agrees with the oracle, and skips between windows", "[mean_norm]") {
  const int64_t cols = GENERATE(1, 3, 31, 64, 257, 768);
  const int64_t rows = GENERATE(1, 2, 17, 197);
  const int64_t batch = GENERATE(1, 3);
  const float scale = GENERATE(1.f, 1e-10f, 1e10f);
  const int64_t stride = (rows + 1) * cols;
  testing::Dut& dut = testing::Dut::get();
  for (const DType dtype : dut.dtypes()) {
    if (dtype == DType::kF16 && scale != 1) continue;  // beyond its range
    CAPTURE(cols, rows, batch, scale, to_string(dtype));
    auto x = testing::round_to(dtype, random_normal(static_cast<size_t>(batch * stride), 1, 0.5f * scale, scale));
    for (int64_t b = 0; b < batch; ++b) {  // what lies between two windows is not theirs
      for (int64_t c = rows * cols; c < stride; ++c) x.values[static_cast<size_t>(b * stride + c)] = NAN;
    }
    x = testing::round_to(dtype, x.values);
    std::vector<float> expected(static_cast<size_t>(batch));
    MeanNormParams p{
        .x = x.values.data(), .out = expected.data(), .batch = batch, .rows = rows, .cols = cols, .x_stride = stride};
    ref::mean_norm(p);
    auto device = dut.copy(x.bytes);
    auto out = dut.output<float>(expected.size());
    p.x = device.data();
    p.out = out.data();
    p.dtype = dtype;
    dut.stream().mean_norm(p);
    const auto actual = out.host();
    const auto same = testing::all_close(actual.data(), expected.data(), expected.size(), 0, tolerance(rows, cols));
    INFO(same.message);
    CHECK(same);
  }
}

TEST_CASE("mean_norm of zeros is zero; NaN and infinities stay in their window", "[mean_norm]") {
  const int64_t rows = 20, cols = 40;
  std::vector<float> x(static_cast<size_t>(4 * rows * cols), 0.0f);
  const auto at = [&](int64_t b, int64_t r, int64_t c) -> float& {
    return x[static_cast<size_t>((b * rows + r) * cols + c)];
  };
  at(1, 19, 39) = std::numeric_limits<float>::quiet_NaN();
  at(2, 7, 0) = -std::numeric_limits<float>::infinity();
  at(3, 3, 3) = -20;
  testing::Dut& dut = testing::Dut::get();
  auto device = dut.copy(x);
  auto out = dut.output<float>(4);
  dut.stream().mean_norm(
      {.x = device.data(), .out = out.data(), .batch = 4, .rows = rows, .cols = cols, .x_stride = rows * cols});
  const auto means = out.host();
  CHECK(means[0] == 0);
  CHECK(std::isnan(means[1]));
  CHECK(means[2] == std::numeric_limits<float>::infinity());
  CHECK(means[3] == 1);
}

TEST_CASE("mean_norm gives the same bits for any number of threads and windows", "[mean_norm][cpu]") {
  const int64_t rows = 50, cols = 96;
  const auto x = random_normal(static_cast<size_t>(5 * rows * cols), 4);
  std::vector<float> one(5), three(5), alone(1);
  MeanNormParams p{.x = x.data(), .out = one.data(), .batch = 5, .rows = rows, .cols = cols, .x_stride = rows * cols};
  mean_norm_cpu(p, testing::cpu_queue(1));
  p.out = three.data();
  mean_norm_cpu(p, testing::cpu_queue(3));
  CHECK(one == three);
  p.x = x.data() + 3 * rows * cols;
  p.out = alone.data();
  p.batch = 1;
  mean_norm_cpu(p, testing::cpu_queue(1));
  CHECK(alone[0] == one[3]);
}

TEST_CASE("mean_norm refuses what it cannot do", "[mean_norm]") {
  testing::Dut& dut = testing::Dut::get();
  auto x = dut.copy(std::vector<float>(12));
  auto out = dut.output<float>(1);
  const MeanNormParams good{.x = x.data(), .out = out.data(), .rows = 3, .cols = 4};
  CHECK_NOTHROW(dut.stream().mean_norm(good));
  MeanNormParams p = good;
  p.rows = 0;
  CHECK_THROWS_WITH(dut.stream().mean_norm(p), Catch::Matchers::Contains("the mean of no rows is no number"));
  p = good;
  p.dtype = DType::kI32;
  CHECK_THROWS_WITH(dut.stream().mean_norm(p), Catch::Matchers::Contains("takes F32, F16 or BF16, not I32"));
  p = good;
  p.out = nullptr;
  CHECK_THROWS_WITH(dut.stream().mean_norm(p), Catch::Matchers::Contains("must be given"));
  dut.stream().synchronize();
}
