#include "kernels/gelu/gelu.h"

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;

// Through a product with the identity matrix, whose epilogue the activation is: x · I is x without a rounding.
TEST_CASE("gelu agrees with the oracle", "[gelu]") {
  testing::Dut& dut = testing::Dut::get();
  const auto [rows, cols] = GENERATE(table<int64_t, int64_t>({{1, 1}, {3, 7}, {50, 64}, {197, 96}, {5, 520}}));
  for (const GeluForm form : {GeluForm::kQuick, GeluForm::kErf}) {
    for (const DType dtype : dut.dtypes()) {
      for (const bool with_bias : {false, true}) {
        CAPTURE(rows, cols, static_cast<int>(form), to_string(dtype), with_bias);
        const auto count = static_cast<size_t>(rows * cols);
        // Deviation 4 reaches both tails; the ends of the range must not become NaN.
        auto values = testing::random_normal(count, 7, 0, 4);
        values.front() = -90;
        values.back() = 90;
        const testing::Rounded x = testing::round_to(dtype, values);
        const auto bias = testing::random_normal(static_cast<size_t>(cols), 8);
        std::vector<float> expected(count), identity(static_cast<size_t>(cols * cols));
        for (int64_t i = 0; i < cols; ++i) identity[static_cast<size_t>(i * cols + i)] = 1;
        ref::gelu({.x = x.values.data(),
                   .y = expected.data(),
                   .bias = with_bias ? bias.data() : nullptr,
                   .form = form,
                   .rows = rows,
                   .cols = cols});
        const auto linear = dut.backend().make_linear(
            {.name = "identity",
             .weight = {.data = identity.data(), .dtype = DType::kF32, .shape = {cols, cols}},
             .bias = with_bias ? TensorView{.data = bias.data(), .dtype = DType::kF32, .shape = {cols}} : TensorView{},
             .epilogue = form == GeluForm::kQuick ? Epilogue::kQuickGelu : Epilogue::kGelu,
             .input = dtype,
             .output = dtype});
        auto x_device = dut.copy(x.bytes);
        auto y = dut.output<std::byte>(count * size_of(dtype));
        dut.stream().linear(*linear, x_device.data(), rows, y.data());
        const auto actual = testing::widen(dtype, y.host());
        // exp of an argument up to 160 carries a relative error of 160·eps; oneDNN's erf is good to a few 1e-7.
        const double rounding = dtype == DType::kF32 ? 0 : testing::epsilon_of(dtype);
        const auto same = testing::all_close(actual.data(), expected.data(), count, 2e-6, 0x1p-17 + rounding);
        INFO(same.message);
        CHECK(same);
      }
    }
  }
}
