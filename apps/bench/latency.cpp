#include "apps/bench/latency.h"

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "apps/load_photo.h"
#include "sclip/error.h"

namespace sclip {
namespace {

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

constexpr int kWarmUp = 3;  // calls behind the first: the last memory is made, and a device has its recording

// A photo of the caller's memory and results that are used again, as a program does that segments a camera's frames.
class Frames {
 public:
  Frames(const LatencyTask& task, size_t photos) : task_(task), results_(photos) {
    const auto pixels = static_cast<size_t>(task.photo.width) * static_cast<size_t>(task.photo.height);
    masks_.resize(photos, std::vector<uint16_t>(pixels));
    for (std::vector<uint16_t>& mask : masks_) {
      requests_.push_back({.photo = task.photo.view(), .labels = mask, .with_scores = false});
    }
  }

  // Seconds of one call for photos first … first + count − 1.
  double segment(Session& session, size_t first, size_t count) {
    Stopwatch watch;
    session.segment(std::span(requests_).subspan(first, count), task_.bank, task_.options,
                    std::span(results_).subspan(first, count));
    return watch.lap();
  }
  const Segmentation& result() const { return results_[0]; }

 private:
  const LatencyTask& task_;
  std::vector<std::vector<uint16_t>> masks_;
  std::vector<PhotoRequest> requests_;
  std::vector<Segmentation> results_;
};

void measure_calls(const LatencyTask& task, Session& session, Frames& frames, Latency& out) {
  const auto count = static_cast<size_t>(task.calls);
  std::vector<double> call(count), decode(count), resize(count), encode(count), merge(count);
  for (size_t i = 0; i < count; ++i) {
    if (task.file != nullptr) {
      Stopwatch watch;
      PhotoFlags{}.load(*task.file, task.engine->thread_pool());
      decode[i] = watch.lap();
    }
    call[i] = frames.segment(session, 0, 1);
    const StageTimes& times = frames.result().times;
    resize[i] = times.resize;
    encode[i] = times.encode;
    merge[i] = times.merge;
  }
  out.call = spread_of(std::move(call));
  if (task.file != nullptr) out.decode = spread_of(std::move(decode));
  out.resize = spread_of(std::move(resize));
  out.encode = spread_of(std::move(encode));
  out.merge = spread_of(std::move(merge));
}

void measure_query(const LatencyTask& task, Session& session, Latency& out) {
  Stopwatch watch;
  std::shared_ptr<const PhotoFeatures> features;
  try {
    features = session.read(task.photo.view(), task.options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    return;
  }
  out.read = watch.lap();
  std::vector<uint16_t> mask(static_cast<size_t>(task.photo.width) * static_cast<size_t>(task.photo.height));
  const PhotoRequest request{.labels = mask, .with_scores = false};
  Segmentation result;
  std::vector<double> query;
  for (int i = -kWarmUp; i < task.calls; ++i) {
    watch.lap();
    session.segment(*features, task.bank, task.options, request, result);
    if (i >= 0) query.push_back(watch.lap());
  }
  out.query = spread_of(std::move(query));
}

void measure_together(const LatencyTask& task, Session& session, Latency& out) {
  const auto photos = static_cast<size_t>(task.together);
  const int rounds = std::max(3, task.calls / task.together);
  Frames frames(task, photos);
  struct Cost {
    double seconds = 0, cpu = 0;
  };
  const auto one_by_one = [&] {
    Cost cost{.seconds = 0, .cpu = -processor_seconds()};
    for (size_t i = 0; i < photos; ++i) cost.seconds += frames.segment(session, i, 1);
    cost.cpu += processor_seconds();
    return cost;
  };
  const auto in_one_call = [&] {
    Cost cost{.seconds = 0, .cpu = -processor_seconds()};
    cost.seconds = frames.segment(session, 0, photos);
    cost.cpu += processor_seconds();
    return cost;
  };
  one_by_one();
  in_one_call();
  std::vector<double> singly, at_once, ratios, cpu_ratios;
  for (int round = 0; round < rounds; ++round) {
    Cost single, once;
    if (round % 2 == 0) single = one_by_one();  // either goes first in turn
    once = in_one_call();
    if (round % 2 != 0) single = one_by_one();
    singly.push_back(single.seconds);
    at_once.push_back(once.seconds);
    ratios.push_back(single.seconds / once.seconds);
    cpu_ratios.push_back(single.cpu / once.cpu);
  }
  out.together = {.photos = task.together,
                  .rounds = rounds,
                  .one_by_one = median_of(std::move(singly)),
                  .in_one_call = median_of(std::move(at_once)),
                  .ratio = median_of(std::move(ratios)),
                  .cpu_ratio = median_of(std::move(cpu_ratios))};
}

}  // namespace

Latency measure_latency(const LatencyTask& task) {
  Latency out;
  Stopwatch watch;
  task.engine->prepare_vision();
  out.prepare = watch.lap();
  Session session(task.engine);
  Frames frames(task, 1);
  out.first_call = frames.segment(session, 0, 1);
  for (int i = 0; i < kWarmUp; ++i) frames.segment(session, 0, 1);
  out.windows = frames.result().windows;
  measure_calls(task, session, frames, out);
  if (task.options.refine.kind == Refinement::kNone) measure_query(task, session, out);
  if (task.together > 0) measure_together(task, session, out);
  return out;
}

Image generated_photo(int width, int height) {
  Image out(width, height);
  uint32_t state = 1;
  for (uint8_t& value : out.rgb) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<uint8_t>(state >> 24);
  }
  return out;
}

}  // namespace sclip
