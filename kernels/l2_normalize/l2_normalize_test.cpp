#include "kernels/l2_normalize/l2_normalize.h"

#include <limits>

#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

// The sum of n squares is off by at most n/2 roundings in one lane, halved by the root; then root and quotient.
double tolerance(int64_t cols) {
  return 0x1p-24 * (3 + static_cast<double>(cols) / 4);
}

}  // namespace

TEST_CASE("l2_normalize agrees with the oracle at any magnitude", "[l2_normalize]") {
  const int64_t cols = GENERATE(1, 2, 15, 16, 17, 64, 512, 513, 1023);
  const int64_t rows = GENERATE(1, 3, 197);
  const float scale = GENERATE(1.f, 1e-30f, 1e-20f, 1e19f, 1e30f);
  CAPTURE(cols, rows, scale);
  const auto n = static_cast<size_t>(rows * cols);
  const auto x = random_normal(n, 1, 0, scale);
  std::vector<float> expected(n);
  L2NormalizeParams p{.x = x.data(), .y = expected.data(), .rows = rows, .cols = cols};
  ref::l2_normalize(p);
  testing::Dut& dut = testing::Dut::get();
  auto x_device = dut.copy(x), y = dut.output<float>(n);
  p.x = x_device.data();
  p.y = y.data();
  dut.stream().l2_normalize(p);
  const auto actual = y.host();
  const auto same = testing::all_close(actual.data(), expected.data(), n, 1e-12, tolerance(cols));
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("rows of zeros stay zeros, rows with NaN are NaN, others do not notice", "[l2_normalize]") {
  const int64_t cols = 37;
  std::vector<float> x(4 * cols, 0.f);
  x[1 * cols + 5] = -3.f;
  x[2 * cols + 36] = std::numeric_limits<float>::quiet_NaN();
  x[3 * cols] = std::numeric_limits<float>::denorm_min();
  testing::Dut& dut = testing::Dut::get();
  auto device = dut.copy(x);
  dut.stream().l2_normalize({.x = device.data(), .y = device.data(), .rows = 4, .cols = cols});  // in place
  x = device.host();
  for (size_t c = 0; c < cols; ++c) {
    REQUIRE(x[c] == 0.f);
    REQUIRE(x[cols + c] == (c == 5 ? -1.f : 0.f));
    REQUIRE(std::isnan(x[2 * cols + c]));
    REQUIRE(x[3 * cols + c] == (c == 0 ? 1.f : 0.f));
  }
}

TEST_CASE("l2_normalize reads and writes halves, and skips between batches", "[l2_normalize]") {
  const int64_t batch = 3, rows = 4, cols = 70, stride = 5 * cols;  // a class token per batch is left out
  const size_t count = batch * rows * cols;
  testing::Dut& dut = testing::Dut::get();
  for (const DType in : dut.dtypes()) {
    const testing::Rounded x = testing::round_to(in, random_normal(static_cast<size_t>(batch * stride), 1));
    std::vector<float> expected(count);
    L2NormalizeParams p{.x = x.values.data() + cols,
                        .y = expected.data(),
                        .batch = batch,
                        .rows = rows,
                        .cols = cols,
                        .x_stride = stride,
                        .y_stride = rows * cols};
    ref::l2_normalize(p);
    auto x_device = dut.copy(x.bytes);
    p.x = x_device.data() + static_cast<size_t>(cols) * size_of(in);
    p.x_dtype = in;
    std::vector<float> in_f32;
    for (const DType out : dut.dtypes()) {
      auto y = dut.output<std::byte>(count * size_of(out));
      p.y = y.data();
      p.y_dtype = out;
      dut.stream().l2_normalize(p);
      const auto bytes = y.host();
      CAPTURE(to_string(in), to_string(out));
      if (out == DType::kF32) {
        in_f32 = testing::widen(out, bytes);
        const auto same = testing::all_close(in_f32.data(), expected.data(), count, 1e-12, tolerance(cols));
        INFO(same.message);
        CHECK(same);
      } else {  // one more rounding, and no other difference
        CHECK(bytes == testing::round_to(out, in_f32).bytes);
      }
    }
  }
}

TEST_CASE("l2_normalize refuses what it cannot do", "[l2_normalize]") {
  testing::Dut& dut = testing::Dut::get();
  auto x = dut.output<float>(64), y = dut.output<float>(64);
  const L2NormalizeParams good{
      .x = x.data(), .y = y.data(), .batch = 2, .rows = 2, .cols = 8, .x_stride = 32, .y_stride = 16};
  CHECK_NOTHROW(dut.stream().l2_normalize(good));
  L2NormalizeParams p = good;
  p.y_dtype = DType::kI32;
  CHECK_THROWS_WITH(dut.stream().l2_normalize(p), Catch::Matchers::Contains("takes F32, F16 or BF16, not I32"));
  p = good;
  p.y_stride = 15;
  CHECK_THROWS_WITH(dut.stream().l2_normalize(p), Catch::Matchers::Contains("would overlap in y"));
  p = good;
  p.y = x.data();
  CHECK_THROWS_WITH(dut.stream().l2_normalize(p), Catch::Matchers::Contains("in place needs equal dtypes and strides"));
  dut.stream().synchronize();
}

TEST_CASE("l2_normalize on the CPU refuses f16", "[l2_normalize][cpu]") {
  testing::Dut& dut = testing::Dut::get();
  auto x = dut.output<float>(8);
  CHECK_THROWS_WITH(
      dut.stream().l2_normalize(
          {.x = x.data(), .y = x.data(), .x_dtype = DType::kF16, .y_dtype = DType::kF16, .rows = 1, .cols = 8}),
      Catch::Matchers::Contains("on the CPU takes F32 or BF16, not F16"));
}
