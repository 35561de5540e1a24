// A product with everything around it, for the tests of the fused products: as the device has it and as the oracle
// takes it.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "kernels/gemm_fused/gemm_fused.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cuda_queue.h"
#include "tests/dut.h"

namespace sclip::testing {

struct GemmSizes {
  int64_t rows, inputs, outputs, gap;  // gap: elements between rows of W
};

constexpr float kGemmPoison = 60000;  // in the gaps, and where y ends: neither read nor written

using GemmLaunch = std::function<void(const GemmFusedParams&, const CudaQueue&)>;

// x, W, bias and what y held, as the device has them and as the oracle takes them.
struct GemmProblem {
  GemmProblem(const GemmSizes& sizes, DType type, const std::vector<float>& x_values,
              const std::vector<float>& w_values, std::vector<float> bias_values, std::vector<float> y_values)
      : shape(sizes),
        dtype(type),
        x(round_to(type, x_values)),
        weight(round_to(type, spaced(sizes, w_values))),
        bias(std::move(bias_values)),
        before(std::move(y_values)) {}

  static std::vector<float> spaced(const GemmSizes& s, const std::vector<float>& values) {
    const int64_t stride = s.inputs + s.gap;
    std::vector<float> out(static_cast<size_t>(s.outputs * stride), kGemmPoison);
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
    GemmProblem sizes = *this;
    sizes.x = round_to(dtype, absolute(x.values));
    sizes.weight = round_to(dtype, absolute(weight.values));
    sizes.bias = absolute(bias);
    return sizes.oracle(GemmEpilogue::kNone);
  }

  // The bytes of y, and behind them 64 that must be as they were.
  std::vector<std::byte> device(GemmEpilogue epilogue, DType output, const GemmLaunch& launch) const {
    Dut& dut = Dut::get();
    const CudaTestStream stream;
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
    launch(p, stream.queue());
    stream.synchronize();
    std::vector<std::byte> out = y.host();
    CHECK(std::all_of(out.begin() + static_cast<std::ptrdiff_t>(bytes), out.end(),
                      [](std::byte b) { return b == std::byte{0xff}; }));
    out.resize(bytes);
    return out;
  }

  GemmSizes shape;
  DType dtype;
  Rounded x, weight;
  std::vector<float> bias, before;
};

// z of deviation 2: both tails of an activation and its middle.
inline GemmProblem random_problem(const GemmSizes& s, DType dtype, bool with_bias) {
  const auto count = [](int64_t n) { return static_cast<size_t>(n); };
  return {s,
          dtype,
          random_normal(count(s.rows * s.inputs), 1),
          random_normal(count(s.outputs * s.inputs), 2, 0, 2 / std::sqrt(static_cast<float>(s.inputs))),
          with_bias ? random_normal(count(s.outputs), 3) : std::vector<float>{},
          random_normal(count(s.rows * s.outputs), 4, 0, 8)};
}

inline std::vector<float> small_integers(int64_t count, uint32_t seed) {
  std::vector<float> out(static_cast<size_t>(count));
  std::mt19937 generator(seed);
  for (float& v : out) v = static_cast<float>(generator() % 7) - 3;
  return out;
}

inline const char* name_of(GemmEpilogue epilogue) {
  constexpr const char* kNames[] = {"none", "quick", "erf", "residual"};
  return kNames[static_cast<int>(epilogue)];
}

// f32 sums of k products in any order and a bias err by at most k·2^-24 of the terms' sizes, also where tensor cores
// truncate (2^-23 for every 8 products or more). The activations' slopes are below 1.13; their own arithmetic is good
// to 2^-17 as in gelu_test.cpp. A residual rounds once more. The result is rounded once, below f16's normal numbers by
// 2^-25.
inline void check_against_oracle(const GemmProblem& problem, GemmEpilogue epilogue, DType output,
                                 const GemmLaunch& launch, const std::vector<float>& magnitude) {
  CAPTURE(problem.shape.rows, problem.shape.inputs, problem.shape.outputs, to_string(problem.dtype), to_string(output),
          name_of(epilogue), problem.bias.size());
  const auto expected = problem.oracle(epilogue);
  const auto actual = widen(output, problem.device(epilogue, output, launch));
  const bool activation = epilogue == GemmEpilogue::kQuickGelu || epilogue == GemmEpilogue::kGelu;
  const double per_size = static_cast<double>(problem.shape.inputs + 1) * 0x1p-24 * (activation ? 1.13 : 1);
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto want = static_cast<double>(expected[i]);
    const double allowed = per_size * static_cast<double>(magnitude[i]) +
                           (epsilon_of(output) + 0x1p-23 + (activation ? 0x1p-17 : 0)) * std::abs(want) +
                           (output == DType::kF16 ? 0x1p-25 : 0) + (activation ? 2e-6 : 0);
    const double apart = std::abs(static_cast<double>(actual[i]) - want);
    if (!(apart <= allowed)) {
      FAIL("element " << i << ": " << actual[i] << " against " << want << ", apart by " << apart << ", allowed "
                      << allowed);
    }
  }
}

}  // namespace sclip::testing
