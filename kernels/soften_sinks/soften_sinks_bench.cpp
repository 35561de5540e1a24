#include "kernels/soften_sinks/soften_sinks.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/compare.h"
#include "tests/cpu_queue.h"

namespace {

// GB/s of the rows, each read once: one patch in a hundred is a sink.
void BM_SoftenSinks(benchmark::State& state) {
  const int64_t grid = state.range(0), cols = 768, patches = grid * grid;
  auto x = sclip::testing::random_normal(static_cast<size_t>(patches * cols), 1);
  for (size_t i = 0; i < x.size(); i += static_cast<size_t>(100 * cols)) x[i + 4] = 100;
  std::vector<float> softened(x.size());
  std::vector<int32_t> sinks(static_cast<size_t>(patches));
  const sclip::SoftenSinksParams p{.x = x.data(),
                                   .softened = softened.data(),
                                   .sinks = sinks.data(),
                                   .grid_h = grid,
                                   .grid_w = grid,
                                   .cols = cols,
                                   .channels = {4, 162, 189, 326, 429, 474, 633, 713},
                                   .channel_count = 8};
  for (auto _ : state) {
    sclip::soften_sinks_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * patches * cols * 4);
}
BENCHMARK(BM_SoftenSinks)->Arg(14)->Arg(35)->UseRealTime();

}  // namespace
