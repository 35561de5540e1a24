#include "kernels/add_rows/add_rows.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/cpu_queue.h"

namespace {

// GB/s of compulsory traffic: x and y read once, y written once.
void BM_AddRows(benchmark::State& state) {
  const int64_t rows = state.range(0), cols = state.range(1);
  std::vector<float> x(static_cast<size_t>(rows * cols), 1.5f), y(x);
  const sclip::AddRowsParams p{.x = x.data(), .y = y.data(), .rows = rows, .cols = cols, .y_weight = 0.5f};
  for (auto _ : state) {
    sclip::add_rows_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * rows * cols * 12);
}
BENCHMARK(BM_AddRows)->Args({197, 768})->Args({1226, 768})->UseRealTime();

}  // namespace
