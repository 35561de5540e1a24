#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "core/buffer.h"
#include "kernels/propagate_labels/propagate_labels.h"
#include "tests/cpu_queue.h"

namespace {

using namespace sclip;

// Arguments: H, W, K. From planes to planes in 25 steps; bytes: 4 a query and pixel, in and out.
void propagate_labels(benchmark::State& state) {
  const int64_t height = state.range(0), width = state.range(1), queries = state.range(2);
  std::vector<float> image(static_cast<size_t>(3 * height * width));
  std::vector<float> planes(static_cast<size_t>(queries * height * width));
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i * 2654435761u % 1000) / 500 - 1;
  for (size_t i = 0; i < planes.size(); ++i) planes[i] = 0.2f + static_cast<float>(i * 2654435761u % 1000) / 10000;
  const std::vector<double> certainty(static_cast<size_t>(queries), 0.95);
  AlignedBuffer<std::byte> memory(propagation_bytes(height, width, queries, 80));
  PropagateLabelsParams p{.height = height,
                          .width = width,
                          .queries = queries,
                          .state = memory.data(),
                          .image = image.data(),
                          .image_height = height,
                          .image_width = width,
                          .planes = planes.data(),
                          .count = queries,
                          .certainty = certainty.data()};
  const CpuQueue queue = testing::cpu_queue();
  const auto run = [&](PropagationStep step) {
    p.step = step;
    propagate_labels_cpu(p, queue);
  };
  for (auto _ : state) {
    for (const auto step : {PropagationStep::kGuide, PropagationStep::kPool, PropagationStep::kSystem}) run(step);
    for (p.iteration = 0; p.iteration < 25; ++p.iteration) run(PropagationStep::kIterate);
    run(PropagationStep::kPlanes);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * 8 * queries * height * width);
}
BENCHMARK(propagate_labels)
    ->Args({480, 640, 21})
    ->Args({480, 640, 171})
    ->Args({1024, 2048, 19})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
