#include "kernels/gemm_fused/gemm_fused.h"

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

#ifdef SCLIP_WITH_CUDA
#include "tests/cuda_queue.h"
#endif

using namespace sclip;
using testing::random_normal;

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

namespace {

struct Sizes {
  int64_t rows, inputs, outputs, gap;  // gap: elements between rows of W
};

constexpr float kPoison = 60000;  // in the gaps, and where y ends: neither read nor written

// x, W, bias and what y held, as the device has them and as the oracle takes them.
struct Problem {
  Problem(const Sizes& sizes, DType type, const std::vector<float>& x_values, const std::vector<float>& w_values,
          std::vector<float> bias_values, std::vector<float> y_values)
      : shape(sizes),
        dtype(type),
        x(testing::round_to(type, x_values)),
        weight(testing::round_to(type, spaced(sizes, w_values))),
        bias(std::move(bias_values)),
        before(std::move(y_values)) {}

  static std::vector<float> spaced(const Sizes& s, const std::vector<float>& values) {
    const int64_t stride = s.inputs + s.gap;
    std::vector<float> out(static_cast<size_t>(s.outputs * stride), kPoison);
    for (int64_t n = 0; n < s.outputs; ++n) {
      std::copy_n(values.begin() + n * s.inputs, s.inputs, out.begin() + n * stride);
    }
    return out;
  }

  size_t count() const { return static_cast<size_t>(shape.rows * shape.outputs); }
  GemmFusedParams params(GemmEpilogue epilogue, DType output) const {
    return {.x = x.bytes.data(),
            .weight = weight.bytes.data(),
            .bias = bias.empty() ? nullptr : bias.data(),
            .dtype = dtype,
            .output = output,
            .epilogue = epilogue,
            .rows = shape.rows,
            .inputs = shape.inputs,
            .outputs = shape.outputs,
            .weight_stride = shape.inputs + shape.gap};
  }

  std::vector<float> oracle(GemmEpilogue epilogue) const {
    std::vector<float> y = before;
    GemmFusedParams p = params(epilogue, DType::kF32);
    p.y = y.data();
    ref::gemm_fused(p);
    return y;
  }

  // Σ |x·w| + |bias|: what an error relative to the terms of a sum can do to it.
  std::vector<float> magnitude() const {
    const auto absolute = [](std::vector<float> values) {
      for (float& v : values) v = std::abs(v);
      return values;
    };
    Problem sizes = *this;
    sizes.x = testing::round_to(dtype, absolute(x.values));
    sizes.weight = testing::round_to(dtype, absolute(weight.values));
    sizes.bias = absolute(bias);
    return sizes.oracle(GemmEpilogue::kNone);
  }

  // The bytes of y, and behind them 64 that must be as they were.
  std::vector<std::byte> device(GemmEpilogue epilogue, DType output, GemmTile tile) const {
    testing::Dut& dut = testing::Dut::get();
    const testing::CudaTestStream stream;
    auto x_device = dut.copy(x.bytes), w_device = dut.copy(weight.bytes);
    auto bias_device = dut.copy(bias);
    const size_t bytes = count() * size_of(output);
    std::vector<std::byte> held(bytes + 64, std::byte{0xff});
    if (epilogue == GemmEpilogue::kResidual) std::memcpy(held.data(), before.data(), bytes);
    auto y = dut.copy(held);
    GemmFusedParams p = params(epilogue, output);
    p.x = x_device.data();
    p.weight = w_device.data();
    p.bias = bias.empty() ? nullptr : bias_device.data();
    p.y = y.data();
    gemm_fused_cuda(p, tile, stream.queue());
    stream.synchronize();
    std::vector<std::byte> out = y.host();
    CHECK(std::all_of(out.begin() + static_cast<std::ptrdiff_t>(bytes), out.end(),
                      [](std::byte b) { return b == std::byte{0xff}; }));
    out.resize(bytes);
    return out;
  }

  Sizes shape;
  DType dtype;
  testing::Rounded x, weight;
  std::vector<float> bias, before;
};

// z of deviation 2: both tails of an activation and its middle.
Problem random_problem(const Sizes& s, DType dtype, bool with_bias) {
  const auto count = [](int64_t n) { return static_cast<size_t>(n); };
  return {s,
          dtype,
          random_normal(count(s.rows * s.inputs), 1),
          random_normal(count(s.outputs * s.inputs), 2, 0, 2 / std::sqrt(static_cast<float>(s.inputs))),
          with_bias ? random_normal(count(s.outputs), 3) : std::vector<float>{},
          random_normal(count(s.rows * s.outputs), 4, 0, 8)};
}

std::vector<float> small_integers(int64_t count, uint32_t seed) {
  std::vector<float> out(static_cast<size_t>(count));
  std::mt19937 generator(seed);
  for (float& v : out) v = static_cast<float>(generator() % 7) - 3;
  return out;
}

const char* name_of(GemmEpilogue epilogue) {
  constexpr const char* kNames[] = {"none", "quick", "erf", "residual"};
  return kNames[static_cast<int>(epilogue)];
}

// f32 sums of k products in any order and a bias err by at most k·2^-24 of the terms' sizes, also where tensor cores
// truncate (2^-23 for every 8 products or more). The activations' slopes are below 1.13; their own arithmetic is good
// to 2^-17 as in gelu_test.cpp. A residual rounds once more. The result is rounded once, below f16's normal numbers by
// 2^-25.
void check_against_oracle(const Problem& problem, GemmEpilogue epilogue, DType output, GemmTile tile,
                          const std::vector<float>& magnitude) {
  CAPTURE(problem.shape.rows, problem.shape.inputs, problem.shape.outputs, to_string(problem.dtype), to_string(output),
          name_of(epilogue), static_cast<int>(tile), problem.bias.size());
  const auto expected = problem.oracle(epilogue);
  const auto actual = testing::widen(output, problem.device(epilogue, output, tile));
  const bool activation = epilogue == GemmEpilogue::kQuickGelu || epilogue == GemmEpilogue::kGelu;
  const double per_size = static_cast<double>(problem.shape.inputs + 1) * 0x1p-24 * (activation ? 1.13 : 1);
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto want = static_cast<double>(expected[i]);
    const double allowed = per_size * static_cast<double>(magnitude[i]) +
                           (testing::epsilon_of(output) + 0x1p-23 + (activation ? 0x1p-17 : 0)) * std::abs(want) +
                           (output == DType::kF16 ? 0x1p-25 : 0) + (activation ? 2e-6 : 0);
    const double apart = std::abs(static_cast<double>(actual[i]) - want);
    if (!(apart <= allowed)) {
      FAIL("element " << i << ": " << actual[i] << " against " << want << ", apart by " << apart << ", allowed "
                      << allowed);
    }
  }
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
  const Sizes s = GENERATE(Sizes{1, 64, 64, 0}, Sizes{7, 8, 8, 0}, Sizes{128, 96, 256, 0}, Sizes{197, 72, 136, 8},
                           Sizes{130, 200, 264, 0}, Sizes{65, 1032, 72, 24}, Sizes{300, 40, 520, 0});
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const Problem problem(s, dtype, small_integers(s.rows * s.inputs, 1), small_integers(s.outputs * s.inputs, 2),
                          small_integers(s.outputs, 3), small_integers(s.rows * s.outputs, 4));
    for (const GemmEpilogue epilogue : {GemmEpilogue::kNone, GemmEpilogue::kResidual}) {
      const auto expected = problem.oracle(epilogue);
      for (const GemmTile tile : kGemmTiles) {
        CAPTURE(s.rows, s.inputs, s.outputs, s.gap, to_string(dtype), name_of(epilogue), static_cast<int>(tile));
        const auto same =
            testing::all_close(testing::widen(DType::kF32, problem.device(epilogue, DType::kF32, tile)).data(),
                               expected.data(), expected.size(), 0);
        INFO(same.message);
        CHECK(same);
      }
    }
  }
}

TEST_CASE("gemm_fused agrees with the oracle in every tile and epilogue", "[gemm_fused][cuda]") {
  const Sizes s = GENERATE(Sizes{7, 64, 24, 0}, Sizes{197, 104, 200, 16});
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    for (const bool with_bias : {false, true}) {
      const Problem problem = random_problem(s, dtype, with_bias);
      const auto magnitude = problem.magnitude();
      for (const GemmTile tile : kGemmTiles) {
        for (const auto& [epilogue, output] : all_epilogues(dtype)) {
          check_against_oracle(problem, epilogue, output, tile, magnitude);
        }
      }
    }
  }
}

TEST_CASE("gemm_fused agrees with the oracle at the shapes of towers", "[gemm_fused][cuda]") {
  const auto [s, tile] = GENERATE(table<Sizes, GemmTile>({{{1, 768, 256, 0}, GemmTile::k64x64},
                                                          {{128, 768, 256, 0}, GemmTile::k128x256},
                                                          {{197, 768, 136, 0}, GemmTile::k64x128},
                                                          {{394, 64, 768, 0}, GemmTile::k128x128},
                                                          {{394, 768, 328, 0}, GemmTile::k128x256},
                                                          {{130, 3072, 136, 0}, GemmTile::k128x128}}));
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const Problem problem = random_problem(s, dtype, true);
    const auto magnitude = problem.magnitude();
    for (const auto& [epilogue, output] : all_epilogues(dtype)) {
      if (epilogue != GemmEpilogue::kGelu) check_against_oracle(problem, epilogue, output, tile, magnitude);
    }
  }
}

// A photo has the bits that it has alone, and what the tuner chooses changes none.
TEST_CASE("gemm_fused computes a row's bits from that row, in any tile", "[gemm_fused][cuda]") {
  const Sizes s{150, 328, 136, 0};
  const Problem all = random_problem(s, DType::kF16, true);
  for (const auto& [epilogue, output] : all_epilogues(DType::kF16)) {
    CAPTURE(name_of(epilogue), to_string(output));
    const auto bits = all.device(epilogue, output, GemmTile::k128x256);
    for (const GemmTile tile : kGemmTiles) CHECK(all.device(epilogue, output, tile) == bits);
    constexpr int64_t kRow = 140;
    Problem one = all;
    one.shape.rows = 1;
    one.x.bytes.assign(all.x.bytes.begin() + kRow * s.inputs * 2, all.x.bytes.begin() + (kRow + 1) * s.inputs * 2);
    one.before.assign(all.before.begin() + kRow * s.outputs, all.before.begin() + (kRow + 1) * s.outputs);
    const auto row_bytes = static_cast<std::ptrdiff_t>(s.outputs) * static_cast<std::ptrdiff_t>(size_of(output));
    const std::vector<std::byte> row(bits.begin() + kRow * row_bytes, bits.begin() + (kRow + 1) * row_bytes);
    CHECK(one.device(epilogue, output, GemmTile::k64x64) == row);
  }
}

// −1.702 · z beyond what the exponential holds: the quotient is −0, not NaN. +∞ stays what it is in f16.
TEST_CASE("gemm_fused's activations hold at the ends of the range", "[gemm_fused][cuda]") {
  const Sizes s{2, 8, 8, 0};
  std::vector<float> x(16, 0.0f), weight(64, 0.0f);
  x[0] = -1, x[8] = 1;
  const float sizes[] = {1, 50, 52, 53, 60, 90, 1000, 30000};  // e^(1.702 · 52) < FLT_MAX < e^(1.702 · 53)
  for (size_t n = 0; n < 8; ++n) weight[n * 8] = sizes[n];
  const Problem problem(s, DType::kF16, x, weight, {}, std::vector<float>(16));
  for (const GemmEpilogue epilogue : {GemmEpilogue::kQuickGelu, GemmEpilogue::kGelu}) {
    const auto actual = testing::widen(DType::kF16, problem.device(epilogue, DType::kF16, GemmTile::k64x64));
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
