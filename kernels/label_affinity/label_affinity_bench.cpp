#include "kernels/label_affinity/label_affinity.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/cpu_queue.h"

namespace {

// Two labels that share the window, so that lines are long: entries of V a second.
void BM_LabelAffinity(benchmark::State& state) {
  const int64_t grid = state.range(0), patch = 16, side = grid * patch, n = grid * grid;
  std::vector<uint16_t> labels(static_cast<size_t>(side * side));
  for (size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<uint16_t>(static_cast<int64_t>(i) % side > static_cast<int64_t>(i) / side ? 1 : 0);
  }
  std::vector<int32_t> patches(static_cast<size_t>(n));
  std::vector<double> affinity(static_cast<size_t>(n * n)), largest(static_cast<size_t>(n));
  std::vector<float> bias(static_cast<size_t>((n + 1) * (n + 1)));
  const sclip::LabelAffinityParams p{.labels = labels.data(),
                                     .patch_labels = patches.data(),
                                     .affinity = affinity.data(),
                                     .largest = largest.data(),
                                     .bias = bias.data(),
                                     .height = side,
                                     .width = side,
                                     .patch = patch,
                                     .grid_h = grid,
                                     .grid_w = grid,
                                     .lambda = 0.7f,
                                     .scale = 1.8f};
  for (auto _ : state) {
    sclip::label_affinity_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.counters["entries/s"] = benchmark::Counter(static_cast<double>(n * n) * static_cast<double>(state.iterations()),
                                                   benchmark::Counter::kIsRate);
}
BENCHMARK(BM_LabelAffinity)->Arg(14)->Arg(26)->UseRealTime();

}  // namespace
