#include "kernels/gemm_fused/gemm_hopper.h"

#include "tests/gemm_problem.h"

using namespace sclip;
using testing::check_against_oracle;
using testing::CudaTestStream;
using testing::GemmProblem;
using testing::GemmSizes;
using testing::name_of;
using testing::random_problem;
using testing::small_integers;

namespace {

struct Output {
  GemmEpilogue epilogue;
  DType dtype;
};
std::vector<Output> outputs_of(DType dtype) {
  return {{GemmEpilogue::kNone, dtype},
          {GemmEpilogue::kNone, DType::kF32},
          {GemmEpilogue::kQuickGelu, dtype},
          {GemmEpilogue::kResidual, DType::kF32}};
}

// A grid of `blocks`, so that a block has several tiles and its buffers turn across them.
testing::GemmLaunch with(HopperTile tile, int blocks) {
  return [=](const GemmFusedParams& p, CudaQueue queue) {
    queue.multiprocessors = blocks;
    gemm_hopper_cuda(p, tile, queue);
  };
}

// Pointers that are only looked at.
GemmFusedParams good() {
  alignas(16) static std::byte memory[16];
  return {.x = memory, .weight = memory, .y = memory, .rows = 3, .inputs = 64, .outputs = 24, .weight_stride = 72};
}

// Elsewhere there is nothing to run, and the first case holds the kernel to saying so.
bool on_hopper() {
  return CudaTestStream().queue().architecture == 90;
}

}  // namespace

TEST_CASE("gemm_hopper serves compute capability 9.0 and whole pieces of 16 bytes", "[gemm_hopper][cuda]") {
  CudaQueue hopper = CudaTestStream().queue();
  CHECK(gemm_hopper_serves(good(), hopper) == on_hopper());
  hopper.architecture = 90;
  CHECK(gemm_hopper_serves(good(), hopper));
  for (const int other : {80, 86, 89, 100, 120}) {
    CudaQueue queue = hopper;
    queue.architecture = other;
    CHECK_FALSE(gemm_hopper_serves(good(), queue));
    CHECK_THROWS_WITH(gemm_hopper_cuda(good(), HopperTile::k128x128, queue),
                      Catch::Matchers::Contains("64 → 24 on architecture " + std::to_string(other)));
  }
  const auto refuses = [&](auto&& change) {
    GemmFusedParams p = good();
    change(p);
    return !gemm_hopper_serves(p, hopper);
  };
  const auto* odd = static_cast<const std::byte*>(good().x) + 8;
  CHECK(refuses([](auto& p) { p.inputs = 60; }));
  CHECK(refuses([](auto& p) { p.outputs = 20; }));
  CHECK(refuses([](auto& p) { p.weight_stride = 68; }));
  CHECK(refuses([&](auto& p) { p.x = odd; }));
  CHECK(refuses([&](auto& p) { p.weight = odd; }));
  CHECK(refuses([&](auto& p) { p.y = const_cast<std::byte*>(odd); }));
  CHECK(refuses([&](auto& p) { p.bias = reinterpret_cast<const float*>(odd - 4); }));
  CHECK(refuses([](auto& p) { p.rows = 0; }));
  CHECK(refuses([](auto& p) { p.dtype = DType::kF32; }));
  CHECK(refuses([](auto& p) { p.epilogue = GemmEpilogue::kGelu; }));
  CHECK(refuses([](auto& p) { p.epilogue = GemmEpilogue::kResidual; }));
  CHECK(refuses([](auto& p) { p.epilogue = GemmEpilogue::kQuickGelu, p.output = DType::kF32; }));
}

// Sums of small integers are exact in f32: a product too many, too few or of the wrong place shows at once.
TEST_CASE("gemm_hopper is exact where sums are", "[gemm_hopper][cuda]") {
  if (!on_hopper()) return;
  const GemmSizes s = GENERATE(GemmSizes{1, 64, 128, 0}, GemmSizes{64, 72, 192, 0}, GemmSizes{128, 768, 200, 0},
                               GemmSizes{130, 72, 256, 8}, GemmSizes{300, 256, 384, 0});
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const GemmProblem problem(s, dtype, small_integers(s.rows * s.inputs, 1), small_integers(s.outputs * s.inputs, 2),
                              small_integers(s.outputs, 3), small_integers(s.rows * s.outputs, 4));
    for (const GemmEpilogue epilogue : {GemmEpilogue::kNone, GemmEpilogue::kResidual}) {
      const auto expected = problem.oracle(epilogue);
      for (const HopperTile tile : kHopperTiles) {
        CAPTURE(s.rows, s.inputs, s.outputs, s.gap, to_string(dtype), name_of(epilogue), to_string(tile));
        const auto actual = testing::widen(DType::kF32, problem.device(epilogue, DType::kF32, with(tile, 2)));
        const auto same = testing::all_close(actual.data(), expected.data(), expected.size(), 0);
        INFO(same.message);
        CHECK(same);
      }
    }
  }
}

// One block computes all tiles: more steps than stages (k = 768), fewer (64), ends of k and n inside a tile.
TEST_CASE("gemm_hopper agrees with the oracle in every tile and epilogue", "[gemm_hopper][cuda]") {
  if (!on_hopper()) return;
  const GemmSizes s = GENERATE(GemmSizes{130, 768, 200, 0}, GemmSizes{300, 72, 384, 16}, GemmSizes{64, 64, 192, 0});
  const int blocks = GENERATE(1, 132);
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const GemmProblem problem = random_problem(s, dtype, blocks == 1);
    const auto magnitude = problem.magnitude();
    for (const HopperTile tile : kHopperTiles) {
      CAPTURE(to_string(tile), blocks);
      for (const Output& o : outputs_of(dtype)) {
        check_against_oracle(problem, o.epilogue, o.dtype, with(tile, blocks), magnitude);
      }
    }
  }
}

// A photo has the bits that it has alone, and what the tuner chooses changes none.
TEST_CASE("gemm_hopper computes a row's bits from that row, in any tile", "[gemm_hopper][cuda]") {
  if (!on_hopper()) return;
  const GemmSizes s{150, 328, 136, 0};
  const GemmProblem all = random_problem(s, DType::kF16, true);
  for (const Output& o : outputs_of(DType::kF16)) {
    CAPTURE(name_of(o.epilogue), to_string(o.dtype));
    const auto bits = all.device(o.epilogue, o.dtype, with(HopperTile::k128x256, 1));
    for (const HopperTile tile : kHopperTiles) CHECK(all.device(o.epilogue, o.dtype, with(tile, 3)) == bits);
    constexpr int64_t kRow = 140;
    GemmProblem one = all;
    one.shape.rows = 1;
    one.x.bytes.assign(all.x.bytes.begin() + kRow * s.inputs * 2, all.x.bytes.begin() + (kRow + 1) * s.inputs * 2);
    one.before.assign(all.before.begin() + kRow * s.outputs, all.before.begin() + (kRow + 1) * s.outputs);
    const auto row_bytes = static_cast<std::ptrdiff_t>(s.outputs) * static_cast<std::ptrdiff_t>(size_of(o.dtype));
    const std::vector<std::byte> row(bits.begin() + kRow * row_bytes, bits.begin() + (kRow + 1) * row_bytes);
    CHECK(one.device(o.epilogue, o.dtype, with(HopperTile::k128x128, 1)) == row);
  }
}

// −1.702 · z beyond what the exponential holds: the quotient is −0, not NaN. +∞ stays what it is in f16.
TEST_CASE("gemm_hopper's QuickGELU holds at the ends of the range", "[gemm_hopper][cuda]") {
  if (!on_hopper()) return;
  const GemmSizes s{2, 8, 8, 0};
  std::vector<float> x(16, 0.0f), weight(64, 0.0f);
  x[0] = -1, x[8] = 1;
  const float sizes[] = {1, 50, 52, 53, 60, 90, 1000, 30000};  // e^(1.702 · 52) < FLT_MAX < e^(1.702 · 53)
  for (size_t n = 0; n < 8; ++n) weight[n * 8] = sizes[n];
  const GemmProblem problem(s, DType::kF16, x, weight, {}, std::vector<float>(16));
  const auto actual =
      testing::widen(DType::kF16, problem.device(GemmEpilogue::kQuickGelu, DType::kF16, with(HopperTile::k128x128, 1)));
  const auto expected = problem.oracle(GemmEpilogue::kQuickGelu);
  const auto same = testing::all_close(actual.data(), expected.data(), 16, 2e-6, 0x1p-11 + 0x1p-17);
  INFO(same.message);
  CHECK(same);
}
