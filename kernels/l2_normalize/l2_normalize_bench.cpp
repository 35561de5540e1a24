#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/l2_normalize/l2_normalize.h"
#include "tests/cpu_queue.h"

namespace {

// GB/s of compulsory traffic: every element read once and written once.
void BM_L2Normalize(benchmark::State& state) {
  const int64_t rows = state.range(0), cols = state.range(1);
  const auto n = static_cast<size_t>(rows * cols);
  std::vector<float> x(n, 1.5f), y(n);
  const sclip::L2NormalizeParams p{.x = x.data(), .y = y.data(), .rows = rows, .cols = cols};
  for (auto _ : state) {
    sclip::l2_normalize_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * rows * cols * 8);
}
BENCHMARK(BM_L2Normalize)->Args({196, 512})->Args({8 * 196, 512})->UseRealTime();

}  // namespace
