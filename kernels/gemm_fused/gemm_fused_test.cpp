#include "kernels/gemm_fused/gemm_fused.h"

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

#ifdef SCLIP_WITH_CUDA
#include "tests/gemm_problem.h"
#endif

using namespace sclip;

TEST_CASE("gemm_fused takes the tile of least time over the multiprocessors", "[gemm_fused]") {
  struct Case {
    int64_t rows, outputs;
    int multiprocessors;
    GemmTile tile;
  };
  // Turns × time of a turn: 24,576 for 128 × 128, 14,336 for 64 × 128, 8,192 for 64 × 64.
  const Case cases[] = {
      {12608, 3072, 108, GemmTile::k128x128},  // 22 × 24,576 before 44 × 14,336 and 88 × 8,192
      {12608, 768, 108, GemmTile::k128x128},   // 6 × 24,576 before 11 × 14,336
      {394, 3072, 132, GemmTile::k128x128},    // 1 × 24,576 draws with 3 × 8,192
      {394, 3072, 108, GemmTile::k128x128},    // 1 × 24,576 before 2 × 14,336
      {197, 3072, 108, GemmTile::k64x128},     // 1 × 14,336 before 2 × 8,192
      {197, 768, 108, GemmTile::k64x64},       // 1 × 8,192: 48 blocks
      {1, 8, 1, GemmTile::k64x64},
      {192, 128, 1, GemmTile::k64x128},  // 3 × 14,336 before 2 × 24,576 and 6 × 8,192
  };
  for (const Case& c : cases) {
    CAPTURE(c.rows, c.outputs, c.multiprocessors);
    CHECK(choose_gemm_tile(c.rows, c.outputs, {.multiprocessors = c.multiprocessors}) == c.tile);
  }
}

TEST_CASE("every tile of gemm_fused fits the devices it is for", "[gemm_fused]") {
  for (const GemmTile tile : kGemmTiles) {
    const GemmTileShape shape = shape_of(tile);
    CAPTURE(shape.rows, shape.columns);
    // sm_86, 89 and 120: 99 KiB a block; an SM has 100, of which each block takes one more.
    CHECK(shape.shared_bytes() <= 99 * 1024);
    CHECK(std::min(shape.blocks, 2) * (shape.shared_bytes() + 1024) <= 100 * 1024);
  }
}

namespace {

// Pointers that are only looked at.
GemmFusedParams good() {
  alignas(16) static std::byte memory[16];
  return {.x = memory, .weight = memory, .y = memory, .rows = 3, .inputs = 64, .outputs = 24, .weight_stride = 72};
}

}  // namespace

TEST_CASE("gemm_fused serves whole pieces of 16 bytes", "[gemm_fused]") {
  CHECK(gemm_fused_serves(good()));
  const auto refuses = [](auto&& change) {
    GemmFusedParams p = good();
    change(p);
    return !gemm_fused_serves(p);
  };
  const auto* odd = static_cast<const std::byte*>(good().x) + 8;
  CHECK(refuses([](auto& p) { p.inputs = 60; }));
  CHECK(refuses([](auto& p) { p.outputs = 20; }));
  CHECK(refuses([](auto& p) { p.weight_stride = 68; }));
  CHECK(refuses([&](auto& p) { p.x = odd; }));
  CHECK(refuses([&](auto& p) { p.weight = odd; }));
  CHECK(refuses([&](auto& p) { p.bias = reinterpret_cast<const float*>(odd); }));
  CHECK(refuses([&](auto& p) { p.y = const_cast<std::byte*>(odd); }));
}

TEST_CASE("gemm_fused refuses parameters that mean nothing", "[gemm_fused]") {
  CHECK_NOTHROW(check_params(good()));
  const auto refuses = [](auto&& change) {
    GemmFusedParams p = good();
    change(p);
    try {
      check_params(p);
    } catch (const Error&) {
      return true;
    }
    return false;
  };
  CHECK(refuses([](auto& p) { p.dtype = DType::kF32; }));
  CHECK(refuses([](auto& p) { p.output = DType::kBF16; }));
  CHECK(refuses([](auto& p) { p.epilogue = GemmEpilogue::kResidual; }));
  CHECK(refuses([](auto& p) { p.epilogue = GemmEpilogue::kQuickGelu, p.output = DType::kF32; }));
  CHECK(refuses([](auto& p) { p.rows = -1; }));
  CHECK(refuses([](auto& p) { p.inputs = 0; }));
  CHECK(refuses([](auto& p) { p.outputs = 0; }));
  CHECK(refuses([](auto& p) { p.weight_stride = 56; }));
  CHECK(refuses([](auto& p) { p.y = nullptr; }));
}

#ifdef SCLIP_WITH_CUDA

using testing::GemmProblem;
using testing::GemmSizes;
using testing::name_of;
using testing::random_problem;
using testing::small_integers;

namespace {

testing::GemmLaunch with(GemmTile tile) {
  return [tile](const GemmFusedParams& p, const CudaQueue& queue) { gemm_fused_cuda(p, tile, queue); };
}

// What may be asked for: each epilogue with the types it writes.
std::vector<std::pair<GemmEpilogue, DType>> all_epilogues(DType dtype) {
  return {{GemmEpilogue::kNone, dtype},
          {GemmEpilogue::kNone, DType::kF32},
          {GemmEpilogue::kQuickGelu, dtype},
          {GemmEpilogue::kGelu, dtype},
          {GemmEpilogue::kResidual, DType::kF32}};
}

}  // namespace

// Sums of small integers are exact in f32: a product too many, too few or of the wrong place shows at once.
TEST_CASE("gemm_fused is exact where sums are", "[gemm_fused][cuda]") {
  const GemmSizes s =
      GENERATE(GemmSizes{1, 64, 64, 0}, GemmSizes{7, 8, 8, 0}, GemmSizes{128, 96, 256, 0}, GemmSizes{197, 72, 136, 8},
               GemmSizes{130, 200, 264, 0}, GemmSizes{65, 1032, 72, 24}, GemmSizes{300, 40, 520, 0});
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const GemmProblem problem(s, dtype, small_integers(s.rows * s.inputs, 1), small_integers(s.outputs * s.inputs, 2),
                              small_integers(s.outputs, 3), small_integers(s.rows * s.outputs, 4));
    for (const GemmEpilogue epilogue : {GemmEpilogue::kNone, GemmEpilogue::kResidual}) {
      const auto expected = problem.oracle(epilogue);
      for (const GemmTile tile : kGemmTiles) {
        CAPTURE(s.rows, s.inputs, s.outputs, s.gap, to_string(dtype), name_of(epilogue), static_cast<int>(tile));
        const auto same =
            testing::all_close(testing::widen(DType::kF32, problem.device(epilogue, DType::kF32, with(tile))).data(),
                               expected.data(), expected.size(), 0);
        INFO(same.message);
        CHECK(same);
      }
    }
  }
}

TEST_CASE("gemm_fused agrees with the oracle in every tile and epilogue", "[gemm_fused][cuda]") {
  const GemmSizes s = GENERATE(GemmSizes{7, 64, 24, 0}, GemmSizes{197, 104, 200, 16});
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    for (const bool with_bias : {false, true}) {
      const GemmProblem problem = random_problem(s, dtype, with_bias);
      const auto magnitude = problem.magnitude();
      for (const GemmTile tile : kGemmTiles) {
        for (const auto& [epilogue, output] : all_epilogues(dtype)) {
          check_against_oracle(problem, epilogue, output, with(tile), magnitude);
        }
      }
    }
  }
}

TEST_CASE("gemm_fused agrees with the oracle at the shapes of towers", "[gemm_fused][cuda]") {
  const auto [s, tile] = GENERATE(table<GemmSizes, GemmTile>({{{1, 768, 256, 0}, GemmTile::k64x64},
                                                              {{128, 768, 256, 0}, GemmTile::k128x256},
                                                              {{197, 768, 136, 0}, GemmTile::k64x128},
                                                              {{394, 64, 768, 0}, GemmTile::k128x128},
                                                              {{394, 768, 328, 0}, GemmTile::k128x256},
                                                              {{130, 3072, 136, 0}, GemmTile::k128x128}}));
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const GemmProblem problem = random_problem(s, dtype, true);
    const auto magnitude = problem.magnitude();
    for (const auto& [epilogue, output] : all_epilogues(dtype)) {
      if (epilogue != GemmEpilogue::kGelu) check_against_oracle(problem, epilogue, output, with(tile), magnitude);
    }
  }
}

// A photo has the bits that it has alone, and what the tuner chooses changes none.
TEST_CASE("gemm_fused computes a row's bits from that row, in any tile", "[gemm_fused][cuda]") {
  const GemmSizes s{150, 328, 136, 0};
  const GemmProblem all = random_problem(s, DType::kF16, true);
  for (const auto& [epilogue, output] : all_epilogues(DType::kF16)) {
    CAPTURE(name_of(epilogue), to_string(output));
    const auto bits = all.device(epilogue, output, with(GemmTile::k128x256));
    for (const GemmTile tile : kGemmTiles) CHECK(all.device(epilogue, output, with(tile)) == bits);
    constexpr int64_t kRow = 140;
    GemmProblem one = all;
    one.shape.rows = 1;
    one.x.bytes.assign(all.x.bytes.begin() + kRow * s.inputs * 2, all.x.bytes.begin() + (kRow + 1) * s.inputs * 2);
    one.before.assign(all.before.begin() + kRow * s.outputs, all.before.begin() + (kRow + 1) * s.outputs);
    const auto row_bytes = static_cast<std::ptrdiff_t>(s.outputs) * static_cast<std::ptrdiff_t>(size_of(output));
    const std::vector<std::byte> row(bits.begin() + kRow * row_bytes, bits.begin() + (kRow + 1) * row_bytes);
    CHECK(one.device(epilogue, output, with(GemmTile::k64x64)) == row);
  }
}

// −1.702 · z beyond what the exponential holds: the quotient is −0, not NaN. +∞ stays what it is in f16.
TEST_CASE("gemm_fused's activations hold at the ends of the range", "[gemm_fused][cuda]") {
  const GemmSizes s{2, 8, 8, 0};
  std::vector<float> x(16, 0.0f), weight(64, 0.0f);
  x[0] = -1, x[8] = 1;
  const float sizes[] = {1, 50, 52, 53, 60, 90, 1000, 30000};  // e^(1.702 · 52) < FLT_MAX < e^(1.702 · 53)
  for (size_t n = 0; n < 8; ++n) weight[n * 8] = sizes[n];
  const GemmProblem problem(s, DType::kF16, x, weight, {}, std::vector<float>(16));
  for (const GemmEpilogue epilogue : {GemmEpilogue::kQuickGelu, GemmEpilogue::kGelu}) {
    const auto actual = testing::widen(DType::kF16, problem.device(epilogue, DType::kF16, with(GemmTile::k64x64)));
    const auto expected = problem.oracle(epilogue);
    const auto same = testing::all_close(actual.data(), expected.data(), 16, 2e-6, 0x1p-11 + 0x1p-17);
    CAPTURE(name_of(epilogue));
    INFO(same.message);
    CHECK(same);
  }
}

TEST_CASE("gemm_fused of nothing writes nothing", "[gemm_fused][cuda]") {
  testing::Dut& dut = testing::Dut::get();
  const testing::CudaTestStream stream;
  auto memory = dut.output<float>(64);
  gemm_fused_cuda({.x = memory.data(),
                   .weight = memory.data(),
                   .y = memory.data(),
                   .rows = 0,
                   .inputs = 8,
                   .outputs = 8,
                   .weight_stride = 8},
                  GemmTile::k64x64, stream.queue());
  stream.synchronize();
  for (const float v : memory.host()) CHECK(std::isnan(v));
}

TEST_CASE("gemm_fused says what it does not serve", "[gemm_fused][cuda]") {
  const testing::CudaTestStream stream;
  GemmFusedParams p = good();
  p.inputs = 60;
  CHECK_THROWS_WITH(gemm_fused_cuda(p, GemmTile::k64x64, stream.queue()), Catch::Matchers::Contains("60 → 24"));
  CudaQueue small = stream.queue();
  small.shared_memory_per_block = 48 * 1024;
  CHECK_THROWS_WITH(gemm_fused_cuda(good(), GemmTile::k128x256, small),
                    Catch::Matchers::Contains("98304 bytes of shared memory"));
}

#endif
