#include "kernels/quantize_fp8/quantize_fp8.h"

#include <limits>

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

#ifdef SCLIP_WITH_CUDA
#include "tests/cuda_queue.h"
#endif

using namespace sclip;
using Catch::Matchers::Contains;

namespace {

float float_of(uint32_t bits) {
  return std::bit_cast<float>(bits);
}

// What a code stands for, with NaN as a number of its own so that == compares it.
double comparable(uint8_t code) {
  const double value = ref::e4m3_value(code);
  return std::isnan(value) ? 1e9 : value;
}

}  // namespace

TEST_CASE("the oracle's e4m3 has the format's published values", "[quantize_fp8]") {
  // OCP 8-bit Floating Point Specification, table 1.
  CHECK(ref::e4m3_value(0x7e) == 448);
  CHECK(ref::e4m3_value(0x08) == 0x1p-6);
  CHECK(ref::e4m3_value(0x07) == 0.875 * 0x1p-6);
  CHECK(ref::e4m3_value(0x01) == 0x1p-9);
  CHECK(ref::e4m3_value(0x80) == 0);
  CHECK(std::isnan(ref::e4m3_value(0x7f)));
  CHECK(std::isnan(ref::e4m3_value(0xff)));
  // 17 is halfway between 16 (1.000) and 18 (1.001), 19 between 18 and 20 (1.010).
  CHECK(ref::e4m3_value(ref::e4m3_code(17)) == 16);
  CHECK(ref::e4m3_value(ref::e4m3_code(19)) == 20);
  CHECK(ref::e4m3_value(ref::e4m3_code(-0x1p-10)) == 0);
  CHECK(ref::e4m3_value(ref::e4m3_code(-0x1.8p-9)) == -0x1p-8);
}

TEST_CASE("e4m3_bits is the nearest value of the format", "[quantize_fp8]") {
  // Every bf16, the floats beside it and those halfway to the next: every tie of the format is a bf16.
  for (uint32_t high = 0; high < 0x10000; ++high) {
    for (const uint32_t low : {0x0000u, 0x0001u, 0x8000u, 0xffffu}) {
      const float x = float_of(high << 16 | low);
      if (e4m3_bits(x) != ref::e4m3_code(static_cast<double>(x))) {
        FAIL(x << " became code " << e4m3_bits(x) << ", not "
               << static_cast<int>(ref::e4m3_code(static_cast<double>(x))));
      }
    }
  }
  CHECK(e4m3_bits(std::numeric_limits<float>::infinity()) == 0x7e);
  CHECK(e4m3_bits(-std::numeric_limits<float>::max()) == 0xfe);
}

TEST_CASE("weights are quantised to their rows' scales on the host", "[quantize_fp8]") {
  constexpr int64_t kRows = 5, kCols = 37;
  auto x = testing::random_normal(kRows * kCols, 4);
  for (int64_t c = 0; c < kCols; ++c) x[static_cast<size_t>(kCols + c)] = 0;
  for (int64_t c = 0; c < kCols; ++c) x[static_cast<size_t>(2 * kCols + c)] *= 0x1p-120f;
  std::vector<uint8_t> codes(x.size());
  std::vector<float> scales(kRows);
  quantize_rows_on_host(x.data(), kRows, kCols, codes.data(), scales.data());
  CHECK(scales[1] == 1);
  for (int64_t r = 0; r < kRows; ++r) {
    double largest = 0;
    for (int64_t c = 0; c < kCols; ++c) {
      largest = std::max(largest, std::abs(static_cast<double>(x[static_cast<size_t>(r * kCols + c)])));
    }
    const auto scale = static_cast<double>(scales[static_cast<size_t>(r)]);
    if (r != 1 && r != 2) CHECK(std::abs(scale - largest / 448) <= 0x1p-24 * scale);
    for (int64_t c = 0; c < kCols; ++c) {
      const auto i = static_cast<size_t>(r * kCols + c);
      const double apart = std::abs(static_cast<double>(x[i]) - scale * ref::e4m3_value(codes[i]));
      // Half a unit of 3 bits, or of the subnormals; the quotient's own rounding is 2^-23 of it.
      CHECK(apart <= (0x1p-4 + 0x1p-22) * std::abs(static_cast<double>(x[i])) + 0x1p-10 * scale);
    }
  }
}

#ifdef SCLIP_WITH_CUDA
namespace {

struct Quantized {
  std::vector<uint8_t> codes;
  std::vector<float> scales;
};

// Behind the codes and the scales lie bytes that must be as they were.
Quantized on_device(const std::vector<BFloat16>& x, int64_t rows, int64_t cols) {
  testing::Dut& dut = testing::Dut::get();
  const testing::CudaTestStream stream;
  constexpr size_t kBehind = 64;
  auto from = dut.copy(x);
  auto codes = dut.output<uint8_t>(x.size() + kBehind);
  auto scales = dut.output<float>(static_cast<size_t>(rows) + kBehind);
  quantize_fp8_cuda({.x = from.data(), .codes = codes.data(), .scales = scales.data(), .rows = rows, .cols = cols},
                    stream.queue());
  stream.synchronize();
  Quantized out{codes.host(), scales.host()};
  for (size_t i = 0; i < kBehind; ++i) {
    CHECK(out.codes[x.size() + i] == 0xff);
    CHECK(std::isnan(out.scales[static_cast<size_t>(rows) + i]));
  }
  out.codes.resize(x.size());
  out.scales.resize(static_cast<size_t>(rows));
  return out;
}

std::vector<BFloat16> rounded(const std::vector<float>& values) {
  std::vector<BFloat16> out(values.size());
  for (size_t i = 0; i < values.size(); ++i) out[i] = to_bfloat16(values[i]);
  return out;
}

}  // namespace

TEST_CASE("quantize_fp8 agrees with the oracle", "[quantize_fp8][cuda]") {
  const auto [rows, cols] =
      GENERATE(table<int64_t, int64_t>({{1, 16}, {3, 48}, {5, 768}, {9, 1024}, {2, 3072}, {3, 4096}, {2, 5120}}));
  CAPTURE(rows, cols);
  auto values = testing::random_normal(static_cast<size_t>(rows * cols), 11);
  for (size_t i = 0; i < values.size(); i += 7) values[i] *= 0x1p-8f;  // down to the subnormals of a row
  const auto x = rounded(values);
  const Quantized actual = on_device(x, rows, cols);
  std::vector<uint8_t> codes(x.size());
  std::vector<float> scales(static_cast<size_t>(rows));
  ref::quantize_fp8({.x = x.data(), .codes = codes.data(), .scales = scales.data(), .rows = rows, .cols = cols});
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
    CHECK(actual.scales[r] == scales[r]);  // one division, rounded once
    for (size_t c = 0; c < static_cast<size_t>(cols); ++c) {
      const size_t i = r * static_cast<size_t>(cols) + c;
      if (actual.codes[i] == codes[i]) continue;
      // 448 / max, the product with it and the scale that is divided by here are rounded, 3 · 2^-24 together: twice
      // that far from a tie the other side may be taken.
      const double exact = static_cast<double>(to_float(x[i])) / static_cast<double>(scales[r]);
      const double apart = std::abs(exact - ref::e4m3_value(actual.codes[i]));
      const double least = std::abs(exact - ref::e4m3_value(codes[i]));
      if (!(apart <= least + 0x1p-21 * std::abs(exact))) {
        FAIL("row " << r << ", column " << c << ": " << exact << " became " << ref::e4m3_value(actual.codes[i])
                    << ", not " << ref::e4m3_value(codes[i]));
      }
    }
  }
}

TEST_CASE("quantize_fp8 rounds every bf16 as the format says", "[quantize_fp8][cuda]") {
  // Each row holds 448, and so a scale of 1 and exact quotients.
  constexpr int64_t kRows = 64, kCols = 1024;
  std::vector<BFloat16> x(kRows * kCols);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i].bits = static_cast<uint16_t>(i);
    if (std::abs(to_float(x[i])) > 448) x[i].bits = i % 2 == 0 ? 0x43e0 : 0xffc0;  // 448 and NaN
    if (i % kCols == 5) x[i].bits = 0x43e0;
  }
  const Quantized actual = on_device(x, kRows, kCols);
  for (const float scale : actual.scales) REQUIRE(scale == 1);
  for (size_t i = 0; i < x.size(); ++i) {
    if (comparable(actual.codes[i]) != comparable(ref::e4m3_code(static_cast<double>(to_float(x[i]))))) {
      FAIL("bf16 " << x[i].bits << ", " << to_float(x[i]) << ", became code " << static_cast<int>(actual.codes[i]));
    }
  }
}

TEST_CASE("rows without a scale of their own are quantised", "[quantize_fp8][cuda]") {
  constexpr int64_t kCols = 32;
  std::vector<BFloat16> x(5 * kCols);
  for (int64_t c = 0; c < kCols; ++c) {
    x[static_cast<size_t>(kCols + c)].bits = static_cast<uint16_t>(c);  // subnormal bf16, at most 31 · 2^-133
    x[static_cast<size_t>(2 * kCols + c)] = to_bfloat16(c == 3 ? std::numeric_limits<float>::infinity() : 1.0f);
    x[static_cast<size_t>(3 * kCols + c)] = to_bfloat16(std::numeric_limits<float>::quiet_NaN());
    x[static_cast<size_t>(4 * kCols + c)].bits = 0x7f7f;  // bf16's largest
  }
  const Quantized actual = on_device(x, 5, kCols);
  CHECK(actual.scales[0] == 1);
  CHECK(actual.scales[1] == 0x1p-100f / 448);
  CHECK(std::isinf(actual.scales[2]));
  CHECK(actual.scales[3] == 1);
  CHECK(actual.scales[4] == to_float(BFloat16{0x7f7f}) / 448);
  for (size_t c = 0; c < kCols; ++c) {
    CHECK(actual.codes[c] == 0);
    CHECK(actual.codes[kCols + c] == 0);
    const double product = static_cast<double>(actual.scales[2]) * ref::e4m3_value(actual.codes[2 * kCols + c]);
    CHECK(std::isnan(product));  // 0 · ∞, or NaN
    CHECK(std::isnan(ref::e4m3_value(actual.codes[3 * kCols + c])));
    CHECK(actual.codes[4 * kCols + c] == 0x7e);
  }
}

TEST_CASE("quantize_fp8 says what it was given", "[quantize_fp8][cuda]") {
  const testing::CudaTestStream stream;
  alignas(16) static std::byte memory[64];
  float scale = 0;
  QuantizeFp8Params p{.x = memory, .codes = memory, .scales = &scale, .rows = 1, .cols = 24};
  CHECK_THROWS_WITH(quantize_fp8_cuda(p, stream.queue()), Contains("24 columns"));
  p.cols = 16;
  p.x = memory + 2;
  CHECK_THROWS_WITH(quantize_fp8_cuda(p, stream.queue()), Contains("16-byte aligned"));
  p.x = nullptr;
  CHECK_THROWS_WITH(quantize_fp8_cuda(p, stream.queue()), Contains("must be given"));
}
#endif
