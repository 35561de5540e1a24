#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/resize_bicubic/resize_bicubic.h"
#include "tests/cpu_queue.h"

namespace {

// Arguments: H0, W0, S. Bytes are the photo's: the filter reads nearly all of it.
void resize_bicubic(benchmark::State& state) {
  const int64_t h0 = state.range(0), w0 = state.range(1), size = state.range(2);
  const std::vector<uint8_t> photo(static_cast<size_t>(h0 * w0 * 3), 77);
  std::vector<float> planes(static_cast<size_t>(3 * size * size));
  const sclip::ResizeBicubicParams params{
      .src = {photo.data(), static_cast<int>(w0), static_cast<int>(h0)}, .dst = planes.data(), .size = size};
  for (auto _ : state) {
    sclip::resize_bicubic_cpu(params, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(photo.size()));
}
BENCHMARK(resize_bicubic)->Args({360, 480, 224})->Args({3000, 4000, 224})->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
