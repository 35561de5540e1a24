#include "kernels/outlier_patches/outlier_patches.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/compare.h"
#include "tests/cpu_queue.h"

namespace {

// FLOP/s of the distances: a difference, a product and a sum each.
void BM_LofScores(benchmark::State& state) {
  const int64_t rows = state.range(0), cols = 768;
  const auto n = static_cast<size_t>(rows);
  const auto x = sclip::testing::random_normal(n * static_cast<size_t>(cols), 1);
  std::vector<float> distances(n * n), radii(n), scores(n);
  const sclip::LofScoresParams p{.x = x.data(),
                                 .distances = distances.data(),
                                 .radii = radii.data(),
                                 .scores = scores.data(),
                                 .rows = rows,
                                 .cols = cols};
  for (auto _ : state) {
    sclip::lof_scores_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.counters["FLOP/s"] =
      benchmark::Counter(3.0 * static_cast<double>(rows * rows * cols) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}
BENCHMARK(BM_LofScores)->ArgName("patches")->Arg(196)->Arg(1225)->UseRealTime();

// Ten of 196 marked, or 62 of 1225, and repaired.
void BM_MarkAndRepair(benchmark::State& state) {
  const int64_t side = state.range(0), rows = side * side, cols = 768;
  auto x = sclip::testing::random_normal(static_cast<size_t>(rows * cols), 1);
  const auto scores = sclip::testing::random_normal(static_cast<size_t>(rows), 2);
  std::vector<int32_t> mask(static_cast<size_t>(rows));
  for (auto _ : state) {
    sclip::mark_patches_cpu({.scores = scores.data(), .mask = mask.data(), .rows = rows}, sclip::testing::cpu_queue());
    sclip::repair_patches_cpu({.x = x.data(), .mask = mask.data(), .grid_h = side, .grid_w = side, .cols = cols},
                              sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * rows);
}
BENCHMARK(BM_MarkAndRepair)->ArgName("side")->Arg(14)->Arg(35)->UseRealTime();

}  // namespace
