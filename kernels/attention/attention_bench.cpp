#include "kernels/attention/attention.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/compare.h"
#include "tests/cpu_queue.h"

namespace {

// FLOP/s counts 2·N²·d per matrix product and head: 2 products for one kind of scores, 3 for the correlative pair.
void BM_Attention(benchmark::State& state) {
  const int64_t batch = state.range(0), tokens = state.range(1), heads = state.range(2), head_dim = 64;
  const auto scores = static_cast<sclip::AttentionScores>(state.range(3));
  const bool bf16 = state.range(4) != 0;
  const auto count = static_cast<size_t>(batch * tokens * heads * head_dim);
  const auto qkv = sclip::testing::random_normal(3 * count, 1);
  std::vector<sclip::BFloat16> qkv16(3 * count);
  for (size_t i = 0; i < qkv.size(); ++i) qkv16[i] = sclip::to_bfloat16(qkv[i]);
  std::vector<float> out(count);
  const sclip::AttentionParams p{.qkv = bf16 ? static_cast<const void*>(qkv16.data()) : qkv.data(),
                                 .out = out.data(),
                                 .dtype = bf16 ? sclip::DType::kBF16 : sclip::DType::kF32,
                                 .scores = scores,
                                 .batch = batch,
                                 .tokens = tokens,
                                 .heads = heads,
                                 .head_dim = head_dim,
                                 .softmax_scale = 0.125f};
  for (auto _ : state) {
    sclip::attention_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const double products = scores == sclip::AttentionScores::kCorrelative ? 3 : 2;
  const double flops = products * 2.0 * static_cast<double>(batch * heads * tokens * tokens * head_dim);
  state.counters["FLOP/s"] =
      benchmark::Counter(flops * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Attention)
    ->ArgNames({"batch", "tokens", "heads", "scores", "bf16"})
    ->ArgsProduct({{1, 8}, {197}, {12}, {0, 3}, {0, 1}})
    ->Args({1, 1226, 12, 3, 0})
    ->UseRealTime();

// Half of a softmax of k·kᵀ and half of a map that the heads share; `returned`: P is written, too.
void BM_AttentionMix(benchmark::State& state) {
  const int64_t tokens = state.range(0), heads = 12, head_dim = 64;
  const auto count = static_cast<size_t>(tokens * heads * head_dim);
  const auto qkv = sclip::testing::random_normal(3 * count, 1);
  const auto added = sclip::testing::random_normal(static_cast<size_t>(tokens * tokens), 2, 0, 0.01f);
  std::vector<float> out(count), probabilities(static_cast<size_t>(heads * tokens * tokens));
  const sclip::AttentionParams p{.qkv = qkv.data(),
                                 .out = out.data(),
                                 .scores = sclip::AttentionScores::kKeyKey,
                                 .batch = 1,
                                 .tokens = tokens,
                                 .heads = heads,
                                 .head_dim = head_dim,
                                 .softmax_scale = 0.125f,
                                 .softmax_weight = 0.5f,
                                 .added = {.data = added.data()},
                                 .added_weight = 0.5f,
                                 .probabilities = state.range(1) != 0 ? probabilities.data() : nullptr};
  for (auto _ : state) {
    sclip::attention_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const double flops = 2 * 2.0 * static_cast<double>(heads * tokens * tokens * head_dim);
  state.counters["FLOP/s"] =
      benchmark::Counter(flops * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_AttentionMix)->ArgNames({"tokens", "returned"})->ArgsProduct({{197, 1226}, {0, 1}})->UseRealTime();

}  // namespace
