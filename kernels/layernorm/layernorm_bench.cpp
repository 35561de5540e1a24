#include "kernels/layernorm/layernorm.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/cpu_queue.h"

namespace {

// GB/s of compulsory traffic: every element read once and written once.
void BM_LayerNorm(benchmark::State& state) {
  const int64_t rows = state.range(0), cols = state.range(1);
  const auto n = static_cast<size_t>(rows * cols);
  std::vector<float> x(n, 1.5f), y(n), gamma(static_cast<size_t>(cols), 1.f), beta(static_cast<size_t>(cols), 0.f);
  const sclip::LayerNormParams p{
      .x = x.data(), .y = y.data(), .gamma = gamma.data(), .beta = beta.data(), .rows = rows, .cols = cols};
  for (auto _ : state) {
    sclip::layernorm_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * rows * cols * 8);
}
BENCHMARK(BM_LayerNorm)->Args({197, 768})->Args({8 * 197, 768})->Args({257, 1024})->UseRealTime();

}  // namespace
