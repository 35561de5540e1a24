#include "kernels/gather_rows/gather_rows.h"

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;

TEST_CASE("gather_rows agrees with the oracle", "[gather_rows]") {
  const auto [rows, cols, count] = GENERATE(table<int64_t, int64_t, int64_t>({{1, 1, 1}, {7, 33, 5}, {300, 512, 700}}));
  const auto x = testing::random_normal(static_cast<size_t>(rows * cols), 31);
  std::mt19937 generator(32);
  std::vector<int32_t> indices(static_cast<size_t>(count));
  for (int32_t& i : indices) i = static_cast<int32_t>(generator() % static_cast<uint32_t>(rows));
  std::vector<float> expected(static_cast<size_t>(count * cols));
  GatherRowsParams p{.x = x.data(), .indices = indices.data(), .out = expected.data(), .count = count, .cols = cols};
  ref::gather_rows(p);
  testing::Dut& dut = testing::Dut::get();
  auto x_device = dut.copy(x), out = dut.output<float>(expected.size());
  auto indices_device = dut.copy(indices);
  p.x = x_device.data();
  p.indices = indices_device.data();
  p.out = out.data();
  dut.stream().gather_rows(p);
  CHECK(out.host() == expected);
}

TEST_CASE("gather_rows refuses what it cannot do", "[gather_rows]") {
  testing::Dut& dut = testing::Dut::get();
  auto x = dut.output<float>(4), out = dut.output<float>(4);
  CHECK_NOTHROW(dut.stream().gather_rows({.cols = 4}));  // nothing to do
  CHECK_THROWS_WITH(dut.stream().gather_rows({.x = x.data(), .out = out.data(), .count = 1, .cols = 4}),
                    Catch::Matchers::Contains("x, indices and out must be given"));
  CHECK_THROWS_WITH(dut.stream().gather_rows({.count = -1, .cols = 4}),
                    Catch::Matchers::Contains("-1 rows of 4 columns"));
}
