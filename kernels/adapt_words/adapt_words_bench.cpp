#include "kernels/adapt_words/adapt_words.h"

#include <benchmark/benchmark.h>

#include <numeric>
#include <vector>

#include "tests/compare.h"
#include "tests/cpu_queue.h"

namespace {

// A window of ViT-B/16, each query a cluster by itself. FLOP: the products of patches with new words.
void BM_AdaptWords(benchmark::State& state) {
  const int64_t patches = state.range(0), queries = state.range(1), e = 512;
  const auto features = sclip::testing::random_normal(static_cast<size_t>(patches * e), 1, 0, 0.044f);
  const auto words = sclip::testing::random_normal(static_cast<size_t>(queries * e), 2, 0, 0.044f);
  const auto fit = sclip::testing::random_normal(static_cast<size_t>(queries), 3, 0, 0.1f);
  auto cosines = sclip::testing::random_normal(static_cast<size_t>(patches * queries), 4, 0, 0.1f);
  std::vector<int32_t> begins(static_cast<size_t>(queries + 1)), members(static_cast<size_t>(queries));
  std::iota(begins.begin(), begins.end(), 0);
  std::iota(members.begin(), members.end(), 0);
  const sclip::AdaptWordsParams p{.features = features.data(),
                                  .words = words.data(),
                                  .fit = fit.data(),
                                  .begins = begins.data(),
                                  .members = members.data(),
                                  .cosines = cosines.data(),
                                  .patches = patches,
                                  .embed_dim = e,
                                  .queries = queries,
                                  .clusters = queries,
                                  .alpha = 0.03f,
                                  .weight = 0.1f};
  for (auto _ : state) {
    sclip::adapt_words_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const double flops = 2.0 * static_cast<double>(patches * queries * e);
  state.counters["FLOP/s"] =
      benchmark::Counter(flops * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_AdaptWords)->ArgNames({"patches", "queries"})->Args({196, 21})->Args({196, 171})->UseRealTime();

}  // namespace
