// What times that were measured say: percentiles, and how far they scatter.
#pragma once

#include <vector>

namespace sclip {

// Of at least one time. A percentile is a time that was measured: the smallest that so many of them do not exceed.
struct Spread {
  int count = 0;
  double min = 0, p50 = 0, p90 = 0, p99 = 0, max = 0, mean = 0;
  double mad = 0;  // median distance from p50

  double tail() const { return p50 > 0 ? p99 / p50 : 0; }  // 1: no jitter
};
Spread spread_of(std::vector<double> values);

double median_of(std::vector<double> values);

}  // namespace sclip
