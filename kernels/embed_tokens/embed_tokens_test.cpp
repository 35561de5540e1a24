#include "kernels/embed_tokens/embed_tokens.h"

#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

TEST_CASE("embed_tokens agrees with the oracle to the last bit", "[embed_tokens]") {
  const int64_t width = GENERATE(1, 7, 64, 513);
  const int64_t count = GENERATE(0, 1, 63, 64, 200);
  const DType dtype = GENERATE(DType::kF32, DType::kF16, DType::kBF16);
  CAPTURE(width, count, to_string(dtype));
  const int64_t vocabulary = 31, context = 77;
  const auto n = static_cast<size_t>(vocabulary * width);
  const auto table = random_normal(n, 1, 0, 0.02f);
  const auto position = random_normal(static_cast<size_t>(context * width), 2, 0, 0.01f);
  std::vector<Float16> half(n);
  std::vector<BFloat16> brain(n);
  for (size_t i = 0; i < n; ++i) {
    half[i] = to_float16(table[i]);
    brain[i] = to_bfloat16(table[i]);
  }
  const auto m = static_cast<size_t>(count);
  std::vector<int32_t> tokens(m), positions(m);
  for (size_t i = 0; i < m; ++i) {
    tokens[i] = static_cast<int32_t>(i * 17 % 31);
    positions[i] = static_cast<int32_t>(i * 5 % 77);
  }
  std::vector<float> expected(m * static_cast<size_t>(width), -1.f);
  EmbedTokensParams p{.tokens = tokens.data(),
                      .positions = positions.data(),
                      .token_table = table.data(),
                      .position_table = position.data(),
                      .out = expected.data(),
                      .table_dtype = dtype,
                      .count = count,
                      .width = width};
  if (dtype == DType::kF16) p.token_table = half.data();
  if (dtype == DType::kBF16) p.token_table = brain.data();
  ref::embed_tokens(p);

  testing::Dut& dut = testing::Dut::get();
  auto tokens_device = dut.copy(tokens), positions_device = dut.copy(positions);
  auto position_device = dut.copy(position), out = dut.output<float>(expected.size());
  auto table_device = dut.copy(testing::round_to(dtype, table).bytes);
  p.tokens = tokens_device.data();
  p.positions = positions_device.data();
  p.token_table = table_device.data();
  p.position_table = position_device.data();
  p.out = out.data();
  dut.stream().embed_tokens(p);
  CHECK(out.host() == expected);
}

TEST_CASE("embed_tokens refuses what it cannot do", "[embed_tokens]") {
  testing::Dut& dut = testing::Dut::get();
  CHECK_NOTHROW(dut.stream().embed_tokens({.width = 4}));  // nothing to do
  CHECK_THROWS_WITH(dut.stream().embed_tokens({.table_dtype = DType::kI32, .width = 4}),
                    Catch::Matchers::Contains("takes F32, F16 or BF16, not I32"));
  CHECK_THROWS_WITH(dut.stream().embed_tokens({.count = 1, .width = 4}), Catch::Matchers::Contains("must be given"));
}
