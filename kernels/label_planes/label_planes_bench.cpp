#include <benchmark/benchmark.h>

#include <vector>

#include "core/buffer.h"
#include "kernels/label_planes/label_planes.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"

namespace {

using namespace sclip;

// Arguments: H, W, planes of a group. One group in the middle of many.
void label_planes(benchmark::State& state) {
  const int64_t height = state.range(0), width = state.range(1), count = state.range(2);
  const auto pixels = static_cast<size_t>(height * width);
  const std::vector<float> planes = testing::random_normal(static_cast<size_t>(count) * pixels, 1, 0.2f, 0.03f);
  std::vector<int32_t> query_class;
  for (int32_t k = 0; k < 2 * count; ++k) query_class.push_back(k);
  std::vector<uint16_t> labels(pixels);
  std::vector<float> scores(pixels);
  AlignedBuffer<std::byte> memory(label_state_bytes(height, width, 2 * count));
  LabelPlanesParams p{
      .planes = planes.data(),
      .count = count,
      .rule = {.queries = 2 * count, .classes = 2 * count, .query_class = query_class.data(), .logit_scale = 40},
      .height = height,
      .width = width,
      .state = memory.data(),
      .out = {.labels = labels.data(), .scores = scores.data()}};
  label_planes_cpu(p, testing::cpu_queue());
  p.first_query = count;
  for (auto _ : state) {
    label_planes_cpu(p, testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const auto bytes = static_cast<double>(pixels) * static_cast<double>(4 * count + 28);
  state.counters["bytes/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * bytes, benchmark::Counter::kIsRate);
}
BENCHMARK(label_planes)->Args({1080, 1920, 1})->Args({1080, 1920, 8})->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
