#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/procrustes/procrustes.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"

namespace {

// FLOP per second: B and the rotation over the tokens, C, five steps of three products less three, and R.
void BM_Procrustes(benchmark::State& state) {
  const int64_t tokens = state.range(0), heads = state.range(1), d = state.range(2);
  auto qkv = sclip::testing::random_normal(static_cast<size_t>(tokens * 3 * heads * d), 1);
  const sclip::ProcrustesParams p{
      .qkv = qkv.data(), .alpha = 0.08f, .batch = 1, .tokens = tokens, .heads = heads, .head_dim = d};
  for (auto _ : state) {
    sclip::procrustes_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const auto flop = static_cast<double>(heads * (2 * 2 * tokens * d * d + 14 * 2 * d * d * d));
  state.counters["FLOP/s"] =
      benchmark::Counter(flop * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Procrustes)->Args({197, 12, 64})->Args({50, 4, 64})->UseRealTime();

}  // namespace
