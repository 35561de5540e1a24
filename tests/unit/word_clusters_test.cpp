#include "engine/dense_head/word_clusters.h"

#include <algorithm>
#include <cmath>

#include "tests/catch.h"
#include "tests/compare.h"

using namespace sclip;
using Clusters = std::vector<std::vector<int32_t>>;

namespace {

// Unit vectors in the plane, at these angles.
std::vector<float> at_angles(const std::vector<double>& degrees) {
  std::vector<float> out;
  for (const double d : degrees) {
    out.push_back(static_cast<float>(std::cos(d * std::acos(-1.0) / 180)));
    out.push_back(static_cast<float>(std::sin(d * std::acos(-1.0) / 180)));
  }
  return out;
}

double apart(double degrees) {
  return 1 - std::cos(degrees * std::acos(-1.0) / 180);
}

// By definition: the two closest groups become one, again and again.
Clusters by_definition(const std::vector<float>& words, int64_t count, double h) {
  const size_t dim = words.size() / static_cast<size_t>(count);
  const auto distance = [&](int32_t a, int32_t b) {
    double sum = 0;
    for (size_t i = 0; i < dim; ++i) {
      sum += static_cast<double>(words[static_cast<size_t>(a) * dim + i]) *
             static_cast<double>(words[static_cast<size_t>(b) * dim + i]);
    }
    return 1 - sum;
  };
  Clusters groups;
  for (int32_t k = 0; k < count; ++k) groups.push_back({k});
  for (;;) {
    double least = 1e9;
    size_t a = 0, b = 0;
    for (size_t i = 0; i < groups.size(); ++i) {
      for (size_t j = i + 1; j < groups.size(); ++j) {
        double farthest = 0;
        for (const int32_t x : groups[i]) {
          for (const int32_t y : groups[j]) farthest = std::max(farthest, distance(x, y));
        }
        if (farthest < least) {
          least = farthest;
          a = i;
          b = j;
        }
      }
    }
    if (groups.size() < 2 || least > h) break;
    groups[a].insert(groups[a].end(), groups[b].begin(), groups[b].end());
    groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(b));
  }
  for (auto& group : groups) std::sort(group.begin(), group.end());
  std::sort(groups.begin(), groups.end());
  return groups;
}

}  // namespace

TEST_CASE("words are grouped by their farthest members", "[engine]") {
  // 0 and 10 degrees are closest, then 28 and 41; the pairs' farthest members lie 41 apart.
  const auto words = at_angles({0, 28, 10, 41});
  CHECK(cluster_words(words, 4, apart(9)) == Clusters{{0}, {1}, {2}, {3}});
  CHECK(cluster_words(words, 4, apart(11)) == Clusters{{0, 2}, {1}, {3}});
  CHECK(cluster_words(words, 4, apart(14)) == Clusters{{0, 2}, {1, 3}});
  // A chain of near ones is no group: single linkage would join all at 18.
  CHECK(cluster_words(words, 4, apart(40)) == Clusters{{0, 2}, {1, 3}});
  CHECK(cluster_words(words, 4, apart(42)) == Clusters{{0, 1, 2, 3}});
  CHECK(cluster_words(words, 4, 2) == Clusters{{0, 1, 2, 3}});
  CHECK(cluster_words(at_angles({5}), 1, 0.1) == Clusters{{0}});
  CHECK(cluster_words({}, 0, 0.1).empty());
}

TEST_CASE("words are grouped as joining the two closest again and again groups them", "[engine]") {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    const int64_t count = 40, dim = 5;
    std::vector<float> words = testing::random_normal(static_cast<size_t>(count * dim), seed);
    for (int64_t k = 0; k < count; ++k) {
      double squares = 0;
      for (int64_t i = 0; i < dim; ++i)
        squares += std::pow(static_cast<double>(words[static_cast<size_t>(k * dim + i)]), 2);
      for (int64_t i = 0; i < dim; ++i)
        words[static_cast<size_t>(k * dim + i)] /= static_cast<float>(std::sqrt(squares));
    }
    for (const double h : {0.0, 0.05, 0.2, 0.5, 1.0, 1.9}) {
      CAPTURE(seed, h);
      CHECK(cluster_words(words, count, h) == by_definition(words, count, h));
    }
  }
}
