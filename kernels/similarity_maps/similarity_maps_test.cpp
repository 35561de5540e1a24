#include "kernels/similarity_maps/similarity_maps.h"

#include <cmath>
#include <limits>

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

struct Maps {
  std::vector<float> rows, attention;
};

Maps maps(const std::vector<float>& x, SimilarityMapsParams p, bool reference, bool in_place = false) {
  const auto n = static_cast<size_t>(p.batch * p.patches);
  if (reference) {
    std::vector<float> sums(n);
    Maps out{x, x};
    p.x = x.data();
    p.sums = sums.data();
    p.rows = out.rows.data();
    p.attention = out.attention.data();
    ref::similarity_maps(p);
    return out;
  }
  testing::Dut& dut = testing::Dut::get();
  auto from = dut.copy(x);
  auto sums = dut.output<float>(n), rows = dut.output<float>(x.size()), attention = dut.output<float>(x.size());
  p.x = from.data();
  p.sums = sums.data();
  p.rows = in_place ? from.data() : rows.data();
  p.attention = attention.data();
  dut.stream().similarity_maps(p);
  return {in_place ? from.host() : rows.host(), attention.host()};
}

// Cosines of random unit rows that have a direction in common, so that some are on either side of any threshold.
std::vector<float> cosines(int64_t batch, int64_t n, uint32_t seed) {
  constexpr int64_t kCols = 12;
  std::vector<float> out;
  for (int64_t b = 0; b < batch; ++b) {
    auto rows = random_normal(static_cast<size_t>(n * kCols), seed + static_cast<uint32_t>(b), 0.4f);
    const auto dot = [&](int64_t i, int64_t j) {
      double sum = 0;
      for (int64_t c = 0; c < kCols; ++c) {
        sum += static_cast<double>(rows[static_cast<size_t>(i * kCols + c)]) *
               static_cast<double>(rows[static_cast<size_t>(j * kCols + c)]);
      }
      return sum;
    };
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) out.push_back(static_cast<float>(dot(i, j) / std::sqrt(dot(i, i) * dot(j, j))));
    }
  }
  return out;
}

// No entry lies so near to what decides about it that the mean's rounding could: 10⁻⁷, for a mean of n² entries of at
// most 1 whose rows are summed in f32 and whose sums in f32 or double.
void require_margin(const std::vector<float>& x, const SimilarityMapsParams& p) {
  const auto size = static_cast<size_t>(p.patches * p.patches);
  for (int64_t b = 0; b < p.batch; ++b) {
    const float* const s = x.data() + static_cast<size_t>(b) * size;
    const auto value = [&](size_t i) { return p.of_kept && s[i] < p.threshold ? 0.0 : static_cast<double>(s[i]); };
    double mean = 0;
    for (size_t i = 0; i < size; ++i) mean += value(i) / static_cast<double>(size);
    for (size_t i = 0; i < size; ++i) REQUIRE(std::abs(value(i) - mean + 1e-6) > 1e-7);
  }
}

void require_close(const std::vector<float>& actual, const std::vector<float>& expected, double relative) {
  const auto same = testing::all_close(actual.data(), expected.data(), expected.size(), 1e-12, relative);
  INFO(same.message);
  REQUIRE(same);
}

}  // namespace

TEST_CASE("similarity_maps agrees with the oracle", "[similarity_maps]") {
  const int64_t n = GENERATE(1, 2, 16, 49, 65, 196);
  const int64_t batch = n < 100 ? 3 : 1;
  for (const bool of_kept : {false, true}) {
    for (const float threshold : {0.4f, 0.1f, 0.0f}) {
      const SimilarityMapsParams p{
          .batch = batch, .patches = n, .threshold = threshold, .scale = 3, .of_kept = of_kept};
      CAPTURE(n, of_kept, threshold);
      const auto x = cosines(batch, n, 40 + static_cast<uint32_t>(n));
      require_margin(x, p);
      const Maps expected = maps(x, p, true);
      for (const bool in_place : {false, true}) {
        const Maps actual = maps(x, p, false, in_place);
        // A sum of up to n terms, kept entries of either sign; exponents up to 6 with entries and mean rounded.
        require_close(actual.rows, expected.rows, 0x1p-24 * (8 + static_cast<double>(n)));
        require_close(actual.attention, expected.attention, 0x1p-24 * (40 + static_cast<double>(n) / 4));
      }
      const Maps rows_alone = [&] {
        testing::Dut& dut = testing::Dut::get();
        auto from = dut.copy(x), out = dut.output<float>(x.size());
        SimilarityMapsParams q = p;
        q.x = from.data();
        q.rows = out.data();
        dut.stream().similarity_maps(q);
        return Maps{out.host(), {}};
      }();
      require_close(rows_alone.rows, expected.rows, 0x1p-24 * (8 + static_cast<double>(n)));
    }
  }
}

TEST_CASE("where no two patches are alike, each is its own mixture", "[similarity_maps]") {
  // Every off-diagonal cosine below 0.4: the mixture is the identity to 10⁻⁶.
  const int64_t n = 50;
  auto x = random_normal(static_cast<size_t>(n * n), 44, 0, 0.05f);
  for (int64_t i = 0; i < n; ++i) x[static_cast<size_t>(i * n + i)] = 1;
  const Maps found = maps(x, {.patches = n}, false);
  double mean = 0;
  for (float s : x) mean += static_cast<double>(s) / static_cast<double>(n * n);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const auto at = static_cast<size_t>(i * n + j);
      REQUIRE(std::abs(found.rows[at] - (i == j ? 1.0f : 0.0f)) <= 1.1e-6f);
      REQUIRE((found.attention[at] > 0) == (static_cast<double>(x[at]) > mean - 1e-6));  // those above the mean
    }
  }
}

TEST_CASE("equal rows attend to all alike, and nothing is NaN", "[similarity_maps]") {
  // S is 1 up to rounding, with noise of either sign.
  const int64_t n = 33;
  const auto noise = random_normal(static_cast<size_t>(n * n), 45, 0, 5e-8f);
  std::vector<float> x;
  for (float e : noise) x.push_back(1.0f + e);
  for (const bool of_kept : {false, true}) {
    const Maps found = maps(x, {.patches = n, .of_kept = of_kept}, false);
    for (float a : found.attention) REQUIRE(std::abs(a - 1.0f / 33) < 1e-6f);
    for (float r : found.rows) REQUIRE(std::abs(r - 1.0f / 33) < 1e-6f);
  }
}

TEST_CASE("a row of zeros attends to itself and mixes nothing", "[similarity_maps]") {
  const int64_t n = 9;
  std::vector<float> x(81, 0.5f);
  for (size_t i = 0; i < 9; ++i) x[i * 9 + i] = 1;
  for (size_t i = 0; i < 9; ++i) x[4 * 9 + i] = x[i * 9 + 4] = 0;
  const Maps found = maps(x, {.patches = n}, false);
  for (size_t j = 0; j < 9; ++j) {
    CHECK(found.attention[4 * 9 + j] == (j == 4 ? 1.0f : 0.0f));
    CHECK(found.rows[4 * 9 + j] == 0);
  }
}

TEST_CASE("similarity_maps refuses what it cannot do", "[similarity_maps]") {
  testing::Dut& dut = testing::Dut::get();
  auto memory = dut.copy(std::vector<float>(64, 0.5f));
  float* const f = memory.data();
  const SimilarityMapsParams good{.x = f, .sums = f + 16, .rows = f + 24, .attention = f + 40, .patches = 3};
  CHECK_NOTHROW(dut.stream().similarity_maps(good));
  const auto refuses = [&](auto&& change) {
    SimilarityMapsParams p = good;
    change(p);
    CHECK_THROWS_AS(dut.stream().similarity_maps(p), Error);
  };
  refuses([](SimilarityMapsParams& p) { p.batch = -1; });
  refuses([](SimilarityMapsParams& p) { p.patches = -1; });
  refuses([](SimilarityMapsParams& p) { p.scale = 0; });
  refuses([](SimilarityMapsParams& p) { p.threshold = std::numeric_limits<float>::quiet_NaN(); });
  refuses([](SimilarityMapsParams& p) { p.rows = p.attention = nullptr; });
  refuses([](SimilarityMapsParams& p) { p.sums = nullptr; });
  refuses([&](SimilarityMapsParams& p) { p.attention = f; });
  refuses([](SimilarityMapsParams& p) { p.x = nullptr; });
}
