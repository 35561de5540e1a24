#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/resize_normalize/resize_normalize.h"
#include "kernels/resize_normalize/resized_size.h"
#include "tests/cpu_queue.h"

namespace {

// Arguments: H0, W0, short side. Bytes are those written: what is read depends on the scale.
void resize_normalize(benchmark::State& state) {
  const int64_t h0 = state.range(0), w0 = state.range(1);
  const sclip::ImageSize size = sclip::resized_size(h0, w0, state.range(2));
  const std::vector<uint8_t> photo(static_cast<size_t>(h0 * w0 * 3), 77);
  std::vector<float> planes(static_cast<size_t>(3 * size.height * size.width));
  const sclip::ResizeNormalizeParams params{.src = {photo.data(), static_cast<int>(w0), static_cast<int>(h0)},
                                            .dst = planes.data(),
                                            .dst_height = size.height,
                                            .dst_width = size.width,
                                            .mean = {122.771f, 116.746f, 104.094f},
                                            .std = {68.501f, 66.632f, 70.323f}};
  for (auto _ : state) {
    sclip::resize_normalize_cpu(params, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(planes.size() * sizeof(float)));
}
BENCHMARK(resize_normalize)
    ->Args({360, 480, 336})
    ->Args({3000, 4000, 336})
    ->Args({3000, 4000, 560})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
