#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/window_merge/window_merge.h"

namespace {

// A photo resized to `short_side`, windows of 224 at a stride of 112, patches of 16.
struct Scene {
  Scene(int64_t width, int64_t height, int64_t short_side, int64_t queries) {
    const double scale = static_cast<double>(short_side) / static_cast<double>(std::min(width, height));
    p.photo_width = width;
    p.photo_height = height;
    p.resized_width = static_cast<int64_t>(std::lround(static_cast<double>(width) * scale));
    p.resized_height = static_cast<int64_t>(std::lround(static_cast<double>(height) * scale));
    const auto edges = [](int64_t length) {
      std::vector<int32_t> out;
      const int64_t count = std::max<int64_t>(length - 224 + 111, 0) / 112 + 1;
      for (int64_t i = 0; i < count; ++i) out.push_back(static_cast<int32_t>(std::min(i * 112, length - 224)));
      return out;
    };
    xs = edges(p.resized_width);
    ys = edges(p.resized_height);
    p.windows_x = static_cast<int64_t>(xs.size());
    p.windows_y = static_cast<int64_t>(ys.size());
    p.window_x = xs.data();
    p.window_y = ys.data();
    p.window_width = p.window_height = 224;
    p.grid_h = p.grid_w = 14;
    p.queries = p.classes = queries;
    for (int64_t k = 0; k < queries; ++k) query_class.push_back(static_cast<int32_t>(k));
    p.query_class = query_class.data();
    p.logit_scale = 40;
    std::mt19937 generator(1);
    std::normal_distribution<float> cosine(0.2f, 0.03f);
    logits.resize(static_cast<size_t>(p.windows_x * p.windows_y * 196 * queries));
    for (float& x : logits) x = cosine(generator);
    p.logits = logits.data();
    labels.resize(static_cast<size_t>(width * height));
    scores.resize(labels.size());
    statistics.resize(static_cast<size_t>(queries));
    p.labels = labels.data();
    p.scores = scores.data();
    p.statistics = statistics.data();
  }

  sclip::WindowMergeParams p;
  std::vector<int32_t> xs, ys, query_class;
  std::vector<float> logits, scores;
  std::vector<uint16_t> labels;
  std::vector<sclip::MergeStatistics> statistics;
  sclip::WindowMergeWorkspace workspace;
};

// 2·2 for the logit (two columns a pixel where windows are in register), 1 comparison, 2 to scale it, 14 for the
// exponential and 1 to add it up; the vertical mixing and the tally are left out.
constexpr double kFlop = 22;

void BM_WindowMerge(benchmark::State& state) {
  Scene scene(state.range(0), state.range(1), state.range(2), state.range(3));
  if (state.range(4) != 0) scene.p.area_threshold = 0.1f;
  for (auto _ : state) {
    sclip::window_merge_cpu(scene.p, scene.workspace);
    benchmark::ClobberMemory();
  }
  const double pixels = static_cast<double>(state.range(0) * state.range(1)) * static_cast<double>(state.iterations());
  const double exps = pixels * static_cast<double>(state.range(3));
  state.counters["pixels/s"] = benchmark::Counter(pixels, benchmark::Counter::kIsRate);
  state.counters["exp/s"] = benchmark::Counter(exps, benchmark::Counter::kIsRate);
  state.counters["flop/s"] = benchmark::Counter(exps * kFlop, benchmark::Counter::kIsRate);
}
BENCHMARK(BM_WindowMerge)
    ->ArgNames({"W0", "H0", "short", "K", "area"})
    ->Args({640, 480, 336, 3, 0})
    ->Args({640, 480, 336, 8, 0})
    ->Args({640, 480, 336, 24, 0})
    ->Args({640, 480, 336, 24, 1})
    ->Args({640, 480, 336, 171, 0})
    ->Args({4000, 3000, 448, 3, 0})
    ->Args({4000, 3000, 448, 21, 1})
    ->Args({4000, 3000, 448, 171, 0})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
