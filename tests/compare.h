// Comparators for numeric tests. NaN never passes: every test is of the form !(difference <= tolerance).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace sclip::testing {

struct Comparison {
  bool ok = true;
  std::string message;
  double max_error = 0;
  explicit operator bool() const { return ok; }
};

// |actual − expected| ≤ absolute + relative·|expected| for every element.
template <typename A, typename E>
Comparison all_close(const A* actual, const E* expected, size_t count, double absolute, double relative = 0) {
  Comparison result;
  for (size_t i = 0; i < count; ++i) {
    const auto a = static_cast<double>(actual[i]);
    const auto e = static_cast<double>(expected[i]);
    const double difference = std::abs(a - e);
    if (!(difference <= result.max_error)) result.max_error = difference;
    if (!(difference <= absolute + relative * std::abs(e)) && result.ok) {
      std::ostringstream out;
      out << "element " << i << " of " << count << ": " << a << " against " << e << ", apart by " << difference
          << ", allowed " << absolute + relative * std::abs(e);
      result.ok = false;
      result.message = out.str();
    }
  }
  return result;
}

// Fixed-seed inputs.
inline std::vector<float> random_normal(size_t count, uint32_t seed, float mean = 0, float deviation = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(mean, deviation);
  std::vector<float> out(count);
  for (float& x : out) x = distribution(generator);
  return out;
}

}  // namespace sclip::testing
