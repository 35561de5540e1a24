#include "apps/bench/spread.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sclip/error.h"

namespace sclip {
namespace {

// Of sorted values: the nearest rank.
double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  SCLIP_CHECK(!values.empty(), kInternal, "the spread of no values");
  std::sort(values.begin(), values.end());
  Spread out{.count = static_cast<int>(values.size()),
             .min = values.front(),
             .p50 = percentile(values, 0.5),
             .p90 = percentile(values, 0.9),
             .p99 = percentile(values, 0.99),
             .max = values.back(),
             .mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size())};
  for (double& value : values) value = std::abs(value - out.p50);
  std::sort(values.begin(), values.end());
  out.mad = percentile(values, 0.5);
  return out;
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace sclip
