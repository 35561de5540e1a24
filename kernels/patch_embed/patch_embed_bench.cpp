#include "kernels/patch_embed/patch_embed.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/cpu_queue.h"

namespace {

// Bytes of the patches written; the photo itself stays in cache.
void BM_GatherPatches(benchmark::State& state) {
  const int64_t height = 336, width = 504, patch = 16, grid = 14;
  const std::vector<sclip::PatchOrigin> windows = {{0, 0},   {112, 0},   {224, 0},   {280, 0},
                                                   {0, 112}, {112, 112}, {224, 112}, {280, 112}};
  const std::vector<float> image(static_cast<size_t>(3 * height * width), 1.f);
  // Gathering reads none of these.
  const int64_t cols = 768;
  const std::vector<float> row(static_cast<size_t>(cols)), positions(static_cast<size_t>((1 + grid * grid) * cols));
  std::vector<float> tokens(windows.size() * positions.size());
  std::vector<float> out(windows.size() * static_cast<size_t>(grid * grid * 3 * patch * patch));
  const sclip::PatchEmbedParams p{.image = image.data(),
                                  .windows = windows.data(),
                                  .class_embedding = row.data(),
                                  .positions = positions.data(),
                                  .gamma = row.data(),
                                  .beta = row.data(),
                                  .tokens = tokens.data(),
                                  .height = height,
                                  .width = width,
                                  .batch = static_cast<int64_t>(windows.size()),
                                  .grid_h = grid,
                                  .grid_w = grid,
                                  .patch = patch,
                                  .cols = cols};
  for (auto _ : state) {
    sclip::gather_patches_cpu(p, out.data(), sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * out.size() * sizeof(float)));
}
BENCHMARK(BM_GatherPatches)->UseRealTime();

}  // namespace
