#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/mean_norm/mean_norm.h"
#include "tests/cpu_queue.h"

namespace {

// GB/s of compulsory traffic: every element read once.
void BM_MeanNorm(benchmark::State& state) {
  const int64_t batch = state.range(0), rows = state.range(1), cols = 768;
  const std::vector<float> x(static_cast<size_t>(batch * rows * cols), 1.5f);
  std::vector<float> out(static_cast<size_t>(batch));
  const sclip::MeanNormParams p{
      .x = x.data(), .out = out.data(), .batch = batch, .rows = rows, .cols = cols, .x_stride = rows * cols};
  for (auto _ : state) {
    sclip::mean_norm_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * batch * rows * cols * 4);
}
BENCHMARK(BM_MeanNorm)->Args({1, 197})->Args({8, 197})->UseRealTime();

}  // namespace
