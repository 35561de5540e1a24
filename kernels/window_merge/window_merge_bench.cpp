// Throughput, and the share of what the processor's multiply-adds could do in the same processor time: time of
// the threads, not of the clock, so that a busy machine does not blur it.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <random>
#include <vector>

#include "kernels/window_merge/window_merge.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/window_merge/window_merge_bench.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tests/cpu_queue.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Twelve independent chains of multiply-adds, nothing from memory. Returns how many operations that was.
double MultiplyAdds(int64_t rounds, float* sink) {
  const hn::CappedTag<float, 16> d;
  const auto a = hn::Set(d, 0.999f), b = hn::Set(d, 0.001f);
  const auto start = [&](int64_t i) HWY_ATTR { return hn::Set(d, sink[i]); };  // unequal, or the compiler keeps one
  auto v0 = start(0), v1 = start(1), v2 = start(2), v3 = start(3), v4 = start(4), v5 = start(5);
  auto v6 = start(6), v7 = start(7), v8 = start(8), v9 = start(9), v10 = start(10), v11 = start(11);
  for (int64_t i = 0; i < rounds; ++i) {
    v0 = hn::MulAdd(v0, a, b);
    v1 = hn::MulAdd(v1, a, b);
    v2 = hn::MulAdd(v2, a, b);
    v3 = hn::MulAdd(v3, a, b);
    v4 = hn::MulAdd(v4, a, b);
    v5 = hn::MulAdd(v5, a, b);
    v6 = hn::MulAdd(v6, a, b);
    v7 = hn::MulAdd(v7, a, b);
    v8 = hn::MulAdd(v8, a, b);
    v9 = hn::MulAdd(v9, a, b);
    v10 = hn::MulAdd(v10, a, b);
    v11 = hn::MulAdd(v11, a, b);
  }
  v0 = hn::Add(hn::Add(hn::Add(v0, v1), hn::Add(v2, v3)), hn::Add(hn::Add(v4, v5), hn::Add(v6, v7)));
  hn::StoreU(hn::Add(v0, hn::Add(hn::Add(v8, v9), hn::Add(v10, v11))), d, sink);
  return 2.0 * 12.0 * static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d));
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {
HWY_EXPORT(MultiplyAdds);

namespace {

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Of one thread.
double peak_flops() {
  static const double peak = [] {
    float sink[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    double best = 0;
    for (int repeat = 0; repeat < 5; ++repeat) {
      const double start = processor_seconds();
      const double flops = HWY_DYNAMIC_DISPATCH(MultiplyAdds)(5'000'000, sink);
      best = std::max(best, flops / (processor_seconds() - start));
      benchmark::DoNotOptimize(sink);
    }
    return best;
  }();
  return peak;
}

// A photo resized to `short_side`, windows of 224 at a stride of 112, patches of 16.
struct Scene {
  Scene(int64_t width, int64_t height, int64_t short_side, int64_t queries) {
    const double scale = static_cast<double>(short_side) / static_cast<double>(std::min(width, height));
    WindowLogits& w = p.windows;
    w.photo_width = width;
    w.photo_height = height;
    w.resized_width = static_cast<int64_t>(std::lround(static_cast<double>(width) * scale));
    w.resized_height = static_cast<int64_t>(std::lround(static_cast<double>(height) * scale));
    const auto edges = [](int64_t length) {
      std::vector<int32_t> out;
      const int64_t count = std::max<int64_t>(length - 224 + 111, 0) / 112 + 1;
      for (int64_t i = 0; i < count; ++i) out.push_back(static_cast<int32_t>(std::min(i * 112, length - 224)));
      return out;
    };
    xs = edges(w.resized_width);
    ys = edges(w.resized_height);
    w.windows_x = static_cast<int64_t>(xs.size());
    w.windows_y = static_cast<int64_t>(ys.size());
    w.window_x = xs.data();
    w.window_y = ys.data();
    w.window_width = w.window_height = 224;
    w.grid_h = w.grid_w = 14;
    w.queries = queries;
    for (int64_t k = 0; k < queries; ++k) query_class.push_back(static_cast<int32_t>(k));
    std::mt19937 generator(1);
    std::normal_distribution<float> cosine(0.2f, 0.03f);
    logits.resize(static_cast<size_t>(w.windows_x * w.windows_y * 196 * queries));
    for (float& x : logits) x = cosine(generator);
    w.logits = logits.data();
    p.rule = {.queries = queries, .classes = queries, .query_class = query_class.data(), .logit_scale = 40};
    labels.resize(static_cast<size_t>(width * height));
    scores.resize(labels.size());
    statistics.resize(static_cast<size_t>(queries));
    p.out = {.labels = labels.data(), .scores = scores.data(), .statistics = statistics.data()};
  }

  WindowMergeParams p;
  std::vector<int32_t> xs, ys, query_class;
  std::vector<float> logits, scores;
  std::vector<uint16_t> labels;
  std::vector<LabelStatistics> statistics;
  WindowMergeWorkspace workspace;
};

// Per pixel and query: 2·2 − 1 for the logit (two patch columns a pixel where windows are in register), 1 to take
// its bound off, 2^x 14 (3 additions, 5 multiply-adds, 1 product), 1 to add it up. Comparisons, the vertical mixing
// and the tally are left out.
constexpr double kFlop = 19;

void BM_WindowMerge(benchmark::State& state) {
  Scene scene(state.range(0), state.range(1), state.range(2), state.range(3));
  if (state.range(4) != 0) scene.p.rule.area_threshold = 0.1f;
  const double start = processor_seconds();
  for (auto _ : state) {
    window_merge_cpu(scene.p, scene.workspace, sclip::testing::cpu_queue());
    benchmark::ClobberMemory();
  }
  const double seconds = processor_seconds() - start;
  const double pixels = static_cast<double>(state.range(0) * state.range(1)) * static_cast<double>(state.iterations());
  const double exps = pixels * static_cast<double>(state.range(3));
  state.counters["pixels/s"] = benchmark::Counter(pixels, benchmark::Counter::kIsRate);
  state.counters["exp/s"] = benchmark::Counter(exps, benchmark::Counter::kIsRate);
  state.counters["exp/s/thread"] = exps / seconds;
  state.counters["flop/s/thread"] = exps * kFlop / seconds;
  state.counters["share_of_peak"] = exps * kFlop / seconds / peak_flops();
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
}  // namespace sclip
#endif  // HWY_ONCE
