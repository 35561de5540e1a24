#include "kernels/matmul/matmul.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/compare.h"
#include "tests/cpu_queue.h"

namespace {

// Cosines of patches with patches (Bᵀ), and a map times features: 196 or 1225 patches of 768 channels.
void BM_Matmul(benchmark::State& state) {
  const int64_t patches = state.range(0), channels = 768;
  const bool transpose_b = state.range(1) != 0;
  const int64_t cols = transpose_b ? patches : channels, depth = transpose_b ? channels : patches;
  const auto a = sclip::testing::random_normal(static_cast<size_t>(patches * depth), 1);
  const auto b = sclip::testing::random_normal(static_cast<size_t>(cols * depth), 2);
  std::vector<float> c(static_cast<size_t>(patches * cols));
  const sclip::MatmulParams p{.a = a.data(),
                              .b = b.data(),
                              .c = c.data(),
                              .transpose_b = transpose_b,
                              .rows = patches,
                              .cols = cols,
                              .depth = depth};
  for (auto _ : state) {
    sclip::matmul_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const double flops = 2.0 * static_cast<double>(patches * cols * depth);
  state.counters["FLOP/s"] =
      benchmark::Counter(flops * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Matmul)->ArgNames({"patches", "transposed"})->ArgsProduct({{196, 1225}, {0, 1}})->UseRealTime();

}  // namespace
