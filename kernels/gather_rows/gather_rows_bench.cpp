#include "kernels/gather_rows/gather_rows.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/cpu_queue.h"

namespace {

void BM_GatherRows(benchmark::State& state) {
  const int64_t rows = 2048, cols = 512;
  const std::vector<float> x(static_cast<size_t>(rows * cols), 1.f);
  std::vector<float> out(x.size());
  std::vector<int32_t> indices(static_cast<size_t>(rows));
  for (int32_t i = 0; i < rows; ++i) indices[static_cast<size_t>(i)] = static_cast<int32_t>(i * 5 % rows);
  for (auto _ : state) {
    sclip::gather_rows_cpu({.x = x.data(), .indices = indices.data(), .out = out.data(), .count = rows, .cols = cols},
                           sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * rows * cols * 8);
}
BENCHMARK(BM_GatherRows)->UseRealTime();

}  // namespace
