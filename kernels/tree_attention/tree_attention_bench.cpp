#include "kernels/tree_attention/tree_attention.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/compare.h"
#include "tests/cpu_queue.h"

namespace {

// Prompts of 10 tokens that share nothing: 8192 nodes of depth 10. FLOP/s counts 4·d per ancestor and head.
void BM_TreeAttention(benchmark::State& state) {
  const int64_t nodes = 8190, depth = 10, heads = 8, head_dim = 64;
  const auto count = static_cast<size_t>(nodes * heads * head_dim);
  const auto qkv = sclip::testing::random_normal(3 * count, 1);
  std::vector<int32_t> parent(static_cast<size_t>(nodes));
  for (int32_t i = 0; i < nodes; ++i) parent[static_cast<size_t>(i)] = i % depth == 0 ? -1 : i - 1;
  std::vector<float> out(count);
  const sclip::TreeAttentionParams p{.qkv = qkv.data(),
                                     .out = out.data(),
                                     .parent = parent.data(),
                                     .nodes = nodes,
                                     .max_depth = depth,
                                     .heads = heads,
                                     .head_dim = head_dim,
                                     .softmax_scale = 0.125f};
  for (auto _ : state) {
    sclip::tree_attention_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const double flops = 4.0 * head_dim * heads * static_cast<double>(nodes) * (depth + 1) / 2.0;
  state.counters["FLOP/s"] =
      benchmark::Counter(flops * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_TreeAttention)->UseRealTime();

}  // namespace
