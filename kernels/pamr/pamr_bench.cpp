#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/pamr/pamr.h"
#include "tests/cpu_queue.h"

namespace {

using namespace sclip;

std::vector<float> noise(int64_t count) {
  std::vector<float> out(static_cast<size_t>(count));
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(i * 2654435761u % 1000) / 500 - 1;
  return out;
}

// Arguments: H, W, K. 10 iterations, the weights included. FLOP: 2 a neighbour, pixel, plane and iteration.
void pamr(benchmark::State& state) {
  const int64_t height = state.range(0), width = state.range(1), count = state.range(2);
  const std::vector<float> image = noise(3 * height * width);
  std::vector<float> planes(static_cast<size_t>(count * height * width), 0.2f);
  std::vector<float> weights(static_cast<size_t>(16 * height * width));
  const CpuQueue queue = testing::cpu_queue();
  const PamrParams params{
      .weights = weights.data(), .height = height, .width = width, .planes = planes.data(), .count = count};
  for (auto _ : state) {
    pamr_weights_cpu({.image = image.data(),
                      .image_height = height,
                      .image_width = width,
                      .height = height,
                      .width = width,
                      .weights = weights.data()},
                     queue);
    pamr_cpu(params, queue);
    benchmark::ClobberMemory();
  }
  const int64_t flop = 2 * 16 * height * width * count * params.iterations;
  state.counters["FLOP/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * flop), benchmark::Counter::kIsRate);
}
BENCHMARK(pamr)
    ->Args({480, 640, 3})
    ->Args({480, 640, 21})
    ->Args({1024, 2048, 19})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void pamr_weights(benchmark::State& state) {
  const int64_t height = state.range(0), width = state.range(1);
  const std::vector<float> image = noise(3 * height * width);
  std::vector<float> weights(static_cast<size_t>(16 * height * width));
  for (auto _ : state) {
    pamr_weights_cpu({.image = image.data(),
                      .image_height = height,
                      .image_width = width,
                      .height = height,
                      .width = width,
                      .weights = weights.data()},
                     testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.counters["pixels/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * height * width), benchmark::Counter::kIsRate);
}
BENCHMARK(pamr_weights)->Args({480, 640})->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
