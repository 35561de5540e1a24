#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/pamr/pamr.h"
#include "tests/cpu_queue.h"

namespace {

// Arguments: H, W, K. 10 iterations. FLOP: 2 a neighbour, pixel, plane and iteration.
void pamr(benchmark::State& state) {
  const int64_t height = state.range(0), width = state.range(1), count = state.range(2);
  std::vector<float> image(static_cast<size_t>(3 * height * width));
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i * 2654435761u % 1000) / 500 - 1;
  std::vector<float> planes(static_cast<size_t>(count * height * width), 0.2f);
  const sclip::PamrParams params{.image = image.data(),
                                 .image_height = height,
                                 .image_width = width,
                                 .planes = planes.data(),
                                 .count = count,
                                 .height = height,
                                 .width = width};
  for (auto _ : state) {
    sclip::pamr_cpu(params, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const int64_t flop = 2 * 16 * height * width * count * params.iterations;
  state.counters["FLOP/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * flop), benchmark::Counter::kIsRate);
}
BENCHMARK(pamr)->Args({480, 640, 3})->Args({480, 640, 21})->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
