#include "kernels/choose_heads/choose_heads.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/cpu_queue.h"

namespace {

// Logarithms a second: one an entry of the maps.
void BM_ChooseHeads(benchmark::State& state) {
  const int64_t heads = 12, n = state.range(0);
  const std::vector<float> maps(static_cast<size_t>(heads * n * n), 1.0f / static_cast<float>(n));
  std::vector<float> entropies(static_cast<size_t>(heads * n)), out(static_cast<size_t>(n * n));
  std::vector<int32_t> chosen(static_cast<size_t>(heads));
  const sclip::ChooseHeadsParams p{.maps = maps.data(),
                                   .row_entropies = entropies.data(),
                                   .chosen = chosen.data(),
                                   .out = out.data(),
                                   .heads = heads,
                                   .tokens = n,
                                   .count = 4};
  for (auto _ : state) {
    sclip::choose_heads_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * heads * n * n);
}
BENCHMARK(BM_ChooseHeads)->ArgName("tokens")->Arg(196)->Arg(1226)->UseRealTime();

}  // namespace
