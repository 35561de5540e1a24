#include "kernels/outlier_patches/outlier_patches.h"

#include <limits>
#include <numeric>

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Lof {
  std::vector<float> distances, radii, scores;
};

// x: windows of rows × cols, `gap` floats apart.
Lof lof(const std::vector<float>& x, int64_t batch, int64_t rows, int64_t cols, int64_t gap, bool reference,
        int64_t neighbours = 30) {
  testing::Dut& dut = testing::Dut::get();
  const auto n = static_cast<size_t>(batch * rows);
  LofScoresParams p{
      .batch = batch, .rows = rows, .cols = cols, .x_stride = rows * cols + gap, .neighbours = neighbours};
  if (reference) {
    Lof out{std::vector<float>(n * static_cast<size_t>(rows)), std::vector<float>(n), std::vector<float>(n)};
    p.x = x.data();
    p.distances = out.distances.data();
    p.radii = out.radii.data();
    p.scores = out.scores.data();
    ref::lof_scores(p);
    return out;
  }
  auto from = dut.copy(x);
  auto distances = dut.output<float>(n * static_cast<size_t>(rows)), radii = dut.output<float>(n),
       scores = dut.output<float>(n);
  p.x = from.data();
  p.distances = distances.data();
  p.radii = radii.data();
  p.scores = scores.data();
  dut.stream().lof_scores(p);
  return {distances.host(), radii.host(), scores.host()};
}

void check_lof(const std::vector<float>& x, int64_t batch, int64_t rows, int64_t cols, int64_t gap,
               int64_t neighbours = 30) {
  const Lof expected = lof(x, batch, rows, cols, gap, true, neighbours),
            actual = lof(x, batch, rows, cols, gap, false, neighbours);
  // A sum of `cols` squares of rounded differences, all of one sign: every term is off by three halves of the last
  // place, the partial sums by one each, of which half cancel. κ is one of these; a score a product and a mean of them.
  const double relative = 0x1p-24 * (4 + static_cast<double>(cols) / 2);
  const auto compare = [&](const std::vector<float>& a, const std::vector<float>& e, double allowed) {
    const auto same = testing::all_close(a.data(), e.data(), e.size(), 0, allowed);
    INFO(same.message);
    CHECK(same);
  };
  compare(actual.distances, expected.distances, relative);
  compare(actual.radii, expected.radii, relative);
  compare(actual.scores, expected.scores, 3 * relative + 0x1p-20);
}

std::vector<int32_t> mark(MarkPatchesParams p, const std::vector<float>& scores, const std::vector<float>& bars,
                          bool reference) {
  testing::Dut& dut = testing::Dut::get();
  const auto n = static_cast<size_t>(p.batch * p.rows);
  if (reference) {
    std::vector<int32_t> mask(n, -1);
    p.scores = scores.data();
    p.bars = bars.empty() ? nullptr : bars.data();
    p.mask = mask.data();
    ref::mark_patches(p);
    return mask;
  }
  auto from = dut.copy(scores), with = dut.copy(bars);
  auto mask = dut.output<int32_t>(n);
  p.scores = from.data();
  p.bars = bars.empty() ? nullptr : with.data();
  p.mask = mask.data();
  dut.stream().mark_patches(p);
  return mask.host();
}

int32_t count(const std::vector<int32_t>& mask) {
  return std::accumulate(mask.begin(), mask.end(), 0);
}

}  // namespace

TEST_CASE("lof_scores agrees with the oracle", "[outlier_patches]") {
  struct Case {
    int64_t batch, rows, cols, neighbours;
  };
  // Fewer rows than neighbours, tiles of 32 and 4 with and without a rest, columns that are no whole vectors.
  const auto c = GENERATE(Case{1, 1, 5, 30}, Case{2, 2, 3, 30}, Case{1, 5, 1, 3}, Case{3, 31, 16, 30},
                          Case{2, 33, 257, 30}, Case{1, 64, 40, 7}, Case{1, 196, 65, 30}, Case{1, 130, 768, 1});
  CAPTURE(c.batch, c.rows, c.cols, c.neighbours);
  const int64_t gap = 3;
  auto x = random_normal(static_cast<size_t>(c.batch * (c.rows * c.cols + gap)), 7);
  for (int64_t b = 0; b < c.batch; ++b) {
    for (int64_t g = 1; g <= gap; ++g) x[static_cast<size_t>((b + 1) * (c.rows * c.cols + gap) - g)] = kNaN;
  }
  check_lof(x, c.batch, c.rows, c.cols, gap, c.neighbours);
}

TEST_CASE("lof_scores takes near rows far from the origin apart", "[outlier_patches]") {
  // ‖x‖² + ‖y‖² − 2·x·y would lose all digits of distances 10⁷ times smaller than the squares.
  auto x = random_normal(40 * 64, 3, 0, 0.01f);
  for (float& value : x) value += 16.0f;
  check_lof(x, 1, 40, 64, 0);
}

TEST_CASE("of equally near neighbours lof_scores takes the lower index", "[outlier_patches]") {
  std::vector<float> x;  // whole numbers: distances are exact, and most of them tie
  for (int i = 0; i < 63; ++i) x.insert(x.end(), {static_cast<float>(i / 9), static_cast<float>(i % 9)});
  for (const int64_t k : {1, 3, 7, 30}) check_lof(x, 1, 63, 2, 0, k);
}

TEST_CASE("a far row among small noise scores highest, and is the one that is marked", "[outlier_patches]") {
  auto x = random_normal(49 * 20, 5, 0, 0.1f);
  for (size_t c = 0; c < 20; ++c) x[17 * 20 + c] += 3.0f;
  const Lof found = lof(x, 1, 49, 20, 0, false);
  CHECK(std::max_element(found.scores.begin(), found.scores.end()) - found.scores.begin() == 17);
  CHECK(found.scores[17] > 10);
  const auto mask = mark({.rows = 49}, found.scores, {}, false);
  CHECK(mask[17] == 1);
  CHECK(count(mask) == 3);  // 0.95 · 48 = 45.6: those above the interpolation of the 46th and 47th of 49
}

TEST_CASE("equal rows have no outlier, and nothing is NaN", "[outlier_patches]") {
  const auto row = random_normal(24, 9);
  std::vector<float> x;
  for (int i = 0; i < 40; ++i) x.insert(x.end(), row.begin(), row.end());
  Lof found = lof(x, 1, 40, 24, 0, false);
  CHECK(found.scores == std::vector<float>(40, 0.0f));
  CHECK(count(mark({.rows = 40}, found.scores, {}, false)) == 0);

  // One row more than neighbours is equal: the quotients of the others mean nothing either.
  const auto others = random_normal(9 * 24, 10);
  std::copy(others.begin(), others.end(), x.begin());
  CHECK(lof(x, 1, 40, 24, 0, false).scores == std::vector<float>(40, 0.0f));
  // As many as neighbours: every radius reaches another row.
  const auto more = random_normal(10 * 24, 11);
  std::copy(more.begin(), more.end(), x.begin());
  check_lof(x, 1, 40, 24, 0);
}

TEST_CASE("mark_patches agrees with the oracle, with ties and with what takes no part", "[outlier_patches]") {
  const int64_t batch = GENERATE(1, 3), rows = GENERATE(1, 2, 21, 49, 196, 333);
  CAPTURE(batch, rows);
  const int64_t stride = rows + 5;
  auto scores = random_normal(static_cast<size_t>(batch * stride), 21);
  const auto bars = random_normal(static_cast<size_t>(batch * rows * 3), 22);
  MarkPatchesParams p{.scores_stride = stride, .bars_stride = 3 * rows, .bars_step = 3, .batch = batch, .rows = rows};
  const bool ties = GENERATE(false, true);
  for (float& s : scores) s = ties ? std::round(2 * s) : s;
  for (const double quantile : {0.0, 0.5, 0.95, 1.0}) {
    p.quantile = quantile;
    CHECK(mark(p, scores, {}, false) == mark(p, scores, {}, true));
  }
  p.score_factor = 1.5f;
  for (const int64_t largest : {1, 10, 1000}) {
    p.largest = largest;
    CHECK(mark(p, scores, {}, false) == mark(p, scores, {}, true));
    CHECK(mark(p, scores, bars, false) == mark(p, scores, bars, true));
  }
}

TEST_CASE("how many mark_patches marks", "[outlier_patches]") {
  const auto scores = random_normal(196, 23);
  CHECK(count(mark({.rows = 196}, scores, {}, false)) == 10);
  CHECK(count(mark({.rows = 21}, scores, {}, false)) == 1);  // the quantile is the 20th of 21 itself
  CHECK(count(mark({.largest = 10, .rows = 196}, scores, {}, false)) == 10);
  // Three candidates only, and then none.
  std::vector<float> bars(196, 100.0f);
  for (const size_t i : {3, 50, 195}) bars[i] = -100;
  const auto three = mark({.largest = 10, .rows = 196}, scores, bars, false);
  CHECK(count(three) == 3);
  CHECK((three[3] == 1 && three[50] == 1 && three[195] == 1));
  CHECK(count(mark({.largest = 10, .rows = 196}, scores, std::vector<float>(196, 100.0f), false)) == 0);
  // The factor decides who takes part: 1.5 · score > bar.
  CHECK(mark({.score_factor = 1.5f, .largest = 3, .rows = 4}, {1, 1, 1, -1}, {1.4f, 1.5f, 1.6f, -2}, false) ==
        std::vector<int32_t>{1, 0, 0, 1});
  // What is NaN is not marked.
  CHECK(mark({.largest = 2, .rows = 3}, {kNaN, 1, 0}, {}, false) == std::vector<int32_t>{0, 1, 1});
  CHECK(count(mark({.rows = 3}, std::vector<float>(3, kNaN), {}, false)) == 0);
}

TEST_CASE("repair_patches agrees with the oracle on grids of any shape", "[outlier_patches]") {
  struct Grid {
    int64_t h, w;
  };
  const auto grid = GENERATE(Grid{1, 1}, Grid{1, 9}, Grid{5, 7}, Grid{14, 14}, Grid{8, 12});
  const bool zero_if_alone = GENERATE(false, true);
  const float density = GENERATE(0.1f, 0.7f, 1.0f);
  const int64_t batch = 2, cols = 37, gap = 4, rows = grid.h * grid.w, stride = rows * cols + gap;
  CAPTURE(grid.h, grid.w, zero_if_alone, density);
  const auto x = random_normal(static_cast<size_t>(batch * stride), 31);
  std::vector<int32_t> mask;
  const auto uniform = random_normal(static_cast<size_t>(batch * rows), 32);
  for (float u : uniform) mask.push_back(0.5f * std::erfc(u / std::sqrt(2.0f)) < density ? 1 : 0);

  auto expected = x;
  RepairPatchesParams p{.x = expected.data(),
                        .mask = mask.data(),
                        .batch = batch,
                        .grid_h = grid.h,
                        .grid_w = grid.w,
                        .cols = cols,
                        .x_stride = stride,
                        .zero_if_alone = zero_if_alone};
  ref::repair_patches(p);
  testing::Dut& dut = testing::Dut::get();
  auto device = dut.copy(x);
  auto device_mask = dut.copy(mask);
  p.x = device.data();
  p.mask = device_mask.data();
  dut.stream().repair_patches(p);
  const auto actual = device.host();
  // Up to eight additions and a quotient at a magnitude of 8 · 5; what is not repaired keeps its bits.
  const auto same = testing::all_close(actual.data(), expected.data(), actual.size(), 40 * 0x1p-24);
  INFO(same.message);
  CHECK(same);
  for (int64_t i = 0; i < batch * rows; ++i) {
    if (mask[static_cast<size_t>(i)] != 0) continue;
    const auto at = static_cast<size_t>(i / rows * stride + i % rows * cols);
    REQUIRE(std::equal(actual.begin() + static_cast<long>(at), actual.begin() + static_cast<long>(at) + cols,
                       x.begin() + static_cast<long>(at)));
  }
}

TEST_CASE("neighbours are those of a window that is not square", "[outlier_patches]") {
  // 3 rows of 4: patch 6 is row 1, column 2. With rows and columns confused it would be row 0, column 2.
  std::vector<float> x(12);
  std::iota(x.begin(), x.end(), 1.0f);
  x[6] = 1000;
  std::vector<int32_t> mask(12, 0);
  mask[6] = mask[1] = 1;
  x[1] = 1000;
  testing::Dut& dut = testing::Dut::get();
  auto device = dut.copy(x);
  auto marks = dut.copy(mask);
  dut.stream().repair_patches({.x = device.data(), .mask = marks.data(), .grid_h = 3, .grid_w = 4, .cols = 1});
  const auto actual = device.host();
  CHECK(actual[6] == (3.0f + 4 + 6 + 8 + 10 + 11 + 12) / 7);  // without patch 1, which is marked
  CHECK(actual[1] == (1.0f + 3 + 5 + 6) / 4);
}

TEST_CASE("outlier_patches' kernels refuse what they cannot do", "[outlier_patches]") {
  testing::Dut& dut = testing::Dut::get();
  auto memory = dut.copy(std::vector<float>(256));
  auto marks = dut.copy(std::vector<int32_t>(64));
  float* const f = memory.data();
  const auto refuses = [&](auto good, auto&& call, auto&&... changes) {
    CHECK_NOTHROW(call(good));
    const auto refused = [&](auto&& change) {
      auto p = good;
      change(p);
      CHECK_THROWS_AS(call(p), Error);
    };
    (refused(changes), ...);
  };
  refuses(
      LofScoresParams{.x = f, .distances = f + 64, .radii = f + 96, .scores = f + 128, .rows = 4, .cols = 8},
      [&](const LofScoresParams& p) { dut.stream().lof_scores(p); }, [](LofScoresParams& p) { p.cols = 0; },
      [](LofScoresParams& p) { p.rows = -1; }, [](LofScoresParams& p) { p.neighbours = 0; },
      [](LofScoresParams& p) { p.distances = nullptr; });
  refuses(
      MarkPatchesParams{.scores = f, .mask = marks.data(), .rows = 4},
      [&](const MarkPatchesParams& p) { dut.stream().mark_patches(p); },
      [](MarkPatchesParams& p) { p.quantile = std::numeric_limits<double>::quiet_NaN(); },
      [](MarkPatchesParams& p) { p.quantile = 1.5; }, [](MarkPatchesParams& p) { p.largest = -1; },
      [](MarkPatchesParams& p) { p.mask = nullptr; }, [](MarkPatchesParams& p) { p.bars_step = -1; });
  refuses(
      RepairPatchesParams{
          .x = f, .mask = marks.data(), .batch = 2, .grid_h = 2, .grid_w = 2, .cols = 8, .x_stride = 32},
      [&](const RepairPatchesParams& p) { dut.stream().repair_patches(p); },
      [](RepairPatchesParams& p) { p.x_stride = 31; }, [](RepairPatchesParams& p) { p.grid_w = -1; },
      [](RepairPatchesParams& p) { p.cols = 0; }, [](RepairPatchesParams& p) { p.x = nullptr; });
}
