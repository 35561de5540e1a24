#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/overlay/overlay.h"
#include "tests/cpu_queue.h"

namespace {

// Arguments: H0, W0, line. Labels are 40 × 40 squares. Bytes: photo and labels read, picture written.
void overlay(benchmark::State& state) {
  const int64_t height = state.range(0), width = state.range(1);
  std::vector<uint8_t> photo(static_cast<size_t>(height * width * 3), 77);
  std::vector<uint8_t> picture(photo.size());
  std::vector<uint16_t> labels(static_cast<size_t>(height * width));
  for (int64_t i = 0; i < height * width; ++i) {
    labels[static_cast<size_t>(i)] = static_cast<uint16_t>((i / width / 40 + i % width / 40) % 8);
  }
  const std::vector<uint8_t> colors(8 * 4, 128);
  const sclip::OverlayParams params{.photo = photo.data(),
                                    .labels = labels.data(),
                                    .colors = colors.data(),
                                    .classes = 8,
                                    .dst = picture.data(),
                                    .dst_stride = 3 * width,
                                    .height = height,
                                    .width = width,
                                    .line = state.range(2)};
  for (auto _ : state) {
    sclip::overlay_cpu(params, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * height * width * 8);
}
BENCHMARK(overlay)
    ->Args({360, 480, 1})
    ->Args({3000, 4000, 0})
    ->Args({3000, 4000, 4})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
