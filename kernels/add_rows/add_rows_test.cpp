#include "kernels/add_rows/add_rows.h"

#include <limits>

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();  // between windows: neither read nor written

}  // namespace

TEST_CASE("add_rows agrees with the oracle", "[add_rows]") {
  const int64_t batch = GENERATE(1, 3), rows = GENERATE(1, 5, 197), cols = GENERATE(1, 31, 32, 65, 768);
  const bool broadcast = GENERATE(false, true);
  const float y_weight = GENERATE(0.0f, 1.0f, -0.75f);
  CAPTURE(batch, rows, cols, broadcast, y_weight);
  const int64_t gap = 3, x_stride = (broadcast ? 1 : rows) * cols + gap, y_stride = rows * cols + gap;
  auto x = random_normal(static_cast<size_t>(batch * x_stride), 1),
       y = random_normal(static_cast<size_t>(batch * y_stride), 2);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t g = 1; g <= gap; ++g) {
      x[static_cast<size_t>((b + 1) * x_stride - g)] = kPoison;
      y[static_cast<size_t>((b + 1) * y_stride - g)] = kPoison;
    }
    // What is not to be read may be anything.
    if (y_weight == 0) y[static_cast<size_t>(b * y_stride)] = kPoison;
  }
  AddRowsParams p{.batch = batch,
                  .rows = rows,
                  .cols = cols,
                  .x_stride = x_stride,
                  .y_stride = y_stride,
                  .broadcast = broadcast,
                  .x_weight = 1.5f,
                  .y_weight = y_weight};
  auto expected = y;
  p.x = x.data();
  p.y = expected.data();
  ref::add_rows(p);

  testing::Dut& dut = testing::Dut::get();
  auto x_device = dut.copy(x), y_device = dut.copy(y);
  p.x = x_device.data();
  p.y = y_device.data();
  dut.stream().add_rows(p);
  const auto actual = y_device.host();
  for (int64_t b = 0; b < batch; ++b) {
    const auto at = static_cast<size_t>(b * y_stride), count = static_cast<size_t>(rows * cols);
    // Halves of the last place: of the product, below 8, of the sum, below 16, and of the oracle's own result.
    const auto same = testing::all_close(actual.data() + at, expected.data() + at, count, (4 + 8 + 8) * 0x1p-24);
    INFO(same.message);
    CHECK(same);
    for (int64_t g = 1; g <= gap; ++g) CHECK(std::isnan(actual[static_cast<size_t>((b + 1) * y_stride - g)]));
  }
}

TEST_CASE("add_rows refuses what it cannot do", "[add_rows]") {
  testing::Dut& dut = testing::Dut::get();
  auto x = dut.copy(std::vector<float>(64)), y = dut.copy(std::vector<float>(64));
  const AddRowsParams good{
      .x = x.data(), .y = y.data(), .batch = 2, .rows = 3, .cols = 4, .x_stride = 12, .y_stride = 12};
  CHECK_NOTHROW(dut.stream().add_rows(good));
  const auto refuses = [&](auto&& change) {
    AddRowsParams p = good;
    change(p);
    CHECK_THROWS_AS(dut.stream().add_rows(p), Error);
  };
  refuses([](AddRowsParams& p) { p.batch = -1; });
  refuses([](AddRowsParams& p) { p.rows = -1; });
  refuses([](AddRowsParams& p) { p.cols = 0; });
  refuses([](AddRowsParams& p) { p.y_stride = 11; });
  refuses([](AddRowsParams& p) { p.x_stride = -1; });
  refuses([](AddRowsParams& p) { p.x = nullptr; });
  refuses([](AddRowsParams& p) { p.y = nullptr; });
}
