#include "apps/bench/spread.h"

#include <algorithm>
#include <random>

#include "tests/catch.h"

using namespace sclip;

TEST_CASE("percentiles are the nearest ranks", "[bench]") {
  std::vector<double> values;
  for (int i = 1; i <= 200; ++i) values.push_back(i);
  std::shuffle(values.begin(), values.end(), std::mt19937(1));
  const Spread s = spread_of(values);
  CHECK(s.count == 200);
  CHECK(s.min == 1);
  CHECK(s.p50 == 100);
  CHECK(s.p90 == 180);
  CHECK(s.p99 == 198);
  CHECK(s.max == 200);
  CHECK(s.mean == 100.5);
  CHECK(s.mad == 50);  // distances: 0, then 1 … 99 twice, then 100; the hundredth is 50
  CHECK(s.tail() == 1.98);
}

TEST_CASE("one time is all of its percentiles", "[bench]") {
  const Spread s = spread_of({3});
  CHECK(s.min == 3);
  CHECK(s.p50 == 3);
  CHECK(s.p99 == 3);
  CHECK(s.max == 3);
  CHECK(s.mad == 0);
  CHECK(s.tail() == 1);
}

TEST_CASE("of few times the 99th percentile is the longest", "[bench]") {
  const Spread s = spread_of({1, 2, 9});
  CHECK(s.p50 == 2);
  CHECK(s.p90 == 9);
  CHECK(s.p99 == 9);
  CHECK(s.mad == 1);  // 0, 1, 7
  CHECK(median_of({4, 1, 3, 2}) == 2.5);
}
