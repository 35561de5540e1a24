#include "kernels/similarity_maps/similarity_maps.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/compare.h"
#include "tests/cpu_queue.h"

namespace {

// GB/s of compulsory traffic: S read twice, each map written once.
void BM_SimilarityMaps(benchmark::State& state) {
  const int64_t n = state.range(0);
  const auto x = sclip::testing::random_normal(static_cast<size_t>(n * n), 1, 0.3f, 0.2f);
  std::vector<float> sums(static_cast<size_t>(n)), rows(x.size()), attention(x.size());
  const sclip::SimilarityMapsParams p{
      .x = x.data(), .sums = sums.data(), .rows = rows.data(), .attention = attention.data(), .patches = n};
  for (auto _ : state) {
    sclip::similarity_maps_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * n * n * 16);
}
BENCHMARK(BM_SimilarityMaps)->ArgName("patches")->Arg(196)->Arg(1225)->UseRealTime();

}  // namespace
