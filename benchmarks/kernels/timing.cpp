#include "benchmarks/kernels/timing.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace sclip {

std::vector<double> seconds_of(Stream& stream, const std::function<void()>& call, int rounds) {
  using Clock = std::chrono::steady_clock;
  const auto timed = [&](int calls) {
    stream.synchronize();
    const auto start = Clock::now();
    for (int j = 0; j < calls; ++j) call();
    stream.synchronize();
    return std::chrono::duration<double>(Clock::now() - start).count() / calls;
  };
  timed(1);
  const int calls = static_cast<int>(std::clamp(2e-3 / timed(3), 1.0, 200.0));
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) times.push_back(timed(calls));
  return times;
}

double median_seconds(Stream& stream, const std::function<void()>& call, int rounds) {
  std::vector<double> times = seconds_of(stream, call, rounds);
  const auto middle = times.begin() + rounds / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace sclip
