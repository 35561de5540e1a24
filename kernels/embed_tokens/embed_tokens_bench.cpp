#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/embed_tokens/embed_tokens.h"
#include "tests/cpu_queue.h"

namespace {

// GB/s of compulsory traffic: a table row read, a row written; positions stay in cache.
void BM_EmbedTokens(benchmark::State& state) {
  const int64_t count = state.range(0), width = state.range(1);
  const auto dtype = static_cast<sclip::DType>(state.range(2));
  const int64_t vocabulary = 49408, context = 77;
  std::vector<float> table(static_cast<size_t>(vocabulary * width), 0.f);
  std::vector<float> position(static_cast<size_t>(context * width), 1.f), out(static_cast<size_t>(count * width));
  std::vector<int32_t> tokens(static_cast<size_t>(count)), positions(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    tokens[static_cast<size_t>(i)] = static_cast<int32_t>(i * 7919 % vocabulary);
    positions[static_cast<size_t>(i)] = static_cast<int32_t>(i % context);
  }
  const sclip::EmbedTokensParams p{.tokens = tokens.data(),
                                   .positions = positions.data(),
                                   .token_table = table.data(),
                                   .position_table = position.data(),
                                   .out = out.data(),
                                   .table_dtype = dtype,
                                   .count = count,
                                   .width = width};
  for (auto _ : state) {
    sclip::embed_tokens_cpu(p, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const auto bytes = static_cast<int64_t>(sclip::size_of(dtype)) + 4;
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * count * width * bytes);
}
BENCHMARK(BM_EmbedTokens)
    ->Args({4096, 512, static_cast<int64_t>(sclip::DType::kF32)})
    ->Args({4096, 512, static_cast<int64_t>(sclip::DType::kF16)})
    ->UseRealTime();

}  // namespace
