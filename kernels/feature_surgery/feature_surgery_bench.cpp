#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/feature_surgery/feature_surgery.h"
#include "tests/cpu_queue.h"

namespace {

// GB/s of compulsory traffic: every score read once and written once. They shrink from call to call and stay finite.
void BM_FeatureSurgery(benchmark::State& state) {
  const int64_t batch = 8, rows = 196, words = state.range(0);
  const std::vector<float> window_scores(static_cast<size_t>(batch * words), 0.2f);
  std::vector<float> scores(static_cast<size_t>(batch * rows * words), 0.2f);
  const sclip::FeatureSurgeryParams p{
      .window_scores = window_scores.data(), .scores = scores.data(), .batch = batch, .rows = rows, .words = words};
  for (auto _ : state) {
    sclip::feature_surgery_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * batch * rows * words * 8);
}
BENCHMARK(BM_FeatureSurgery)->Arg(21)->Arg(171)->UseRealTime();

}  // namespace
