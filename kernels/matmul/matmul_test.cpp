#include "kernels/matmul/matmul.h"

#include <cmath>

#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

struct Case {
  int64_t batch, rows, cols, depth;
};

// Around the register tile (6 rows, 16…64 columns), pieces of 192 rows, and odd everything.
const Case kCases[] = {{1, 1, 1, 1},      {3, 7, 5, 3},     {2, 197, 64, 197}, {1, 6, 64, 8},    {4, 50, 65, 33},
                       {1, 193, 130, 20}, {2, 64, 197, 64}, {1, 400, 17, 9},   {1, 13, 1226, 12}};

constexpr float kPoison = 1e30f;  // between rows and matrices: neither read nor written

// A matrix per batch, or one, with `gap` elements between rows and between matrices.
struct Operand {
  std::vector<float> values;
  int64_t row_stride, batch_stride;
  Operand(int64_t batch, int64_t rows, int64_t cols, int64_t gap, uint32_t seed)
      : row_stride(cols + gap), batch_stride(batch > 1 ? rows * row_stride + gap : 0) {
    values.assign(static_cast<size_t>((batch - 1) * batch_stride + rows * row_stride), kPoison);
    const auto random = random_normal(static_cast<size_t>(batch * rows * cols), seed);
    size_t next = 0;
    for (int64_t m = 0; m < batch; ++m) {
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < cols; ++j) {
          values[static_cast<size_t>(m * batch_stride + i * row_stride + j)] = random[next++];
        }
      }
    }
  }
};

void check(const Case& c, bool transpose_b, int64_t a_batch, int64_t b_batch, int64_t gap, size_t offset = 0) {
  testing::Dut& dut = testing::Dut::get();
  const Operand a(a_batch, c.rows, c.depth, gap, 31);
  const Operand b =
      transpose_b ? Operand(b_batch, c.cols, c.depth, gap, 32) : Operand(b_batch, c.depth, c.cols, gap, 32);
  MatmulParams p{.transpose_b = transpose_b,
                 .batch = c.batch,
                 .rows = c.rows,
                 .cols = c.cols,
                 .depth = c.depth,
                 .a_batch_stride = a.batch_stride,
                 .b_batch_stride = b.batch_stride,
                 .a_row_stride = gap > 0 ? a.row_stride : 0,
                 .b_row_stride = gap > 0 ? b.row_stride : 0,
                 .alpha = -0.75f};
  const int64_t c_row = c.cols + gap;
  p.c_row_stride = gap > 0 ? c_row : 0;
  p.c_batch_stride = c.rows * c_row + gap;
  const auto count = static_cast<size_t>(c.batch * p.c_batch_stride);

  for (const DType dtype : dut.dtypes()) {
    const auto a_rounded = testing::round_to(dtype, a.values), b_rounded = testing::round_to(dtype, b.values);
    std::vector<float> expected(count, kPoison);
    p.dtype = p.out_dtype = DType::kF32;
    p.a = a_rounded.values.data();
    p.b = b_rounded.values.data();
    p.c = expected.data();
    ref::matmul(p);
    for (const DType out_dtype : {DType::kF32, dtype}) {
      const size_t shift = offset * size_of(dtype);
      auto a_device = dut.copy(a_rounded.bytes, shift), b_device = dut.copy(b_rounded.bytes, shift);
      auto out = dut.copy(
          testing::round_to(out_dtype, std::vector<float>(count, out_dtype == DType::kF16 ? 60000.0f : kPoison)).bytes,
          offset * size_of(out_dtype));
      p.dtype = dtype;
      p.out_dtype = out_dtype;
      p.a = a_device.data();
      p.b = b_device.data();
      p.c = out.data();
      dut.stream().matmul(p);
      const auto actual = testing::widen(out_dtype, out.host());
      CAPTURE(c.batch, c.rows, c.cols, c.depth, transpose_b, a_batch, b_batch, gap, to_string(dtype),
              to_string(out_dtype));
      // Operands are exact and of deviation 1. A sum of `depth` products errs by up to √depth halves of the last place
      // of a sum of order √depth, here with a factor of four; the result is rounded once.
      const double absolute = 4 * 0x1p-24 * static_cast<double>(c.depth) + 4 * 0x1p-24;
      const double relative = out_dtype == DType::kF32 ? 0 : testing::epsilon_of(out_dtype);
      for (int64_t m = 0; m < c.batch; ++m) {
        for (int64_t i = 0; i < c.rows; ++i) {
          const auto at = static_cast<size_t>(m * p.c_batch_stride + i * c_row);
          const auto same = testing::all_close(actual.data() + at, expected.data() + at, static_cast<size_t>(c.cols),
                                               absolute, relative);
          INFO("matrix " << m << ", row " << i << ": " << same.message);
          REQUIRE(same);
          for (size_t g = at + static_cast<size_t>(c.cols); g < at + static_cast<size_t>(c_row); ++g) {
            REQUIRE(actual[g] > 50000);  // what was there before
          }
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("matmul agrees with the oracle", "[matmul]") {
  const Case c = GENERATE(from_range(std::begin(kCases), std::end(kCases)));
  for (const bool transpose_b : {false, true}) {
    check(c, transpose_b, c.batch, c.batch, 0);
    check(c, transpose_b, c.batch, c.batch, 5);
  }
}

TEST_CASE("matmul takes matrices that begin at any element", "[matmul]") {
  check({2, 16, 24, 32}, false, 2, 2, 0, 1);
  check({2, 16, 24, 32}, true, 2, 2, 8, 3);
}

TEST_CASE("matmul shares a matrix among the batch", "[matmul]") {
  const Case c{3, 20, 40, 24};
  check(c, false, 1, 3, 0);
  check(c, true, 3, 1, 0);
  check(c, false, 1, 1, 3);
}

TEST_CASE("matmul of nothing writes nothing", "[matmul]") {
  testing::Dut& dut = testing::Dut::get();
  auto one = dut.copy(std::vector<float>{3});
  for (const auto& [batch, rows, cols] : {std::array<int64_t, 3>{0, 1, 1}, {1, 0, 1}, {1, 1, 0}}) {
    dut.stream().matmul(
        {.a = one.data(), .b = one.data(), .c = one.data(), .batch = batch, .rows = rows, .cols = cols, .depth = 1});
  }
  CHECK(one.host()[0] == 3);
}

TEST_CASE("matmul refuses parameters that mean nothing, on every device", "[matmul]") {
  testing::Dut& dut = testing::Dut::get();
  auto a = dut.copy(std::vector<float>(64)), b = dut.copy(std::vector<float>(64)),
       out = dut.copy(std::vector<float>(64));
  const MatmulParams good{.a = a.data(),
                          .b = b.data(),
                          .c = out.data(),
                          .batch = 2,
                          .rows = 3,
                          .cols = 4,
                          .depth = 5,
                          .c_batch_stride = 12};
  CHECK_NOTHROW(dut.stream().matmul(good));
  const auto refuses = [&](auto&& change) {
    MatmulParams p = good;
    change(p);
    CHECK_THROWS_AS(dut.stream().matmul(p), Error);
  };
  refuses([](MatmulParams& p) { p.depth = 0; });
  refuses([](MatmulParams& p) { p.batch = -1; });
  refuses([](MatmulParams& p) { p.rows = -3; });
  refuses([](MatmulParams& p) { p.c_batch_stride = 11; });
  refuses([](MatmulParams& p) { p.a_row_stride = 4; });
  refuses([](MatmulParams& p) { p.b_row_stride = 3; });
  refuses([](MatmulParams& p) { p.c_row_stride = 3; });
  refuses([](MatmulParams& p) { p.a_batch_stride = -1; });
  refuses([](MatmulParams& p) { p.out_dtype = DType::kBF16; });
  refuses([](MatmulParams& p) { p.dtype = p.out_dtype = DType::kI32; });
}
