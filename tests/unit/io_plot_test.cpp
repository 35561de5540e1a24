#include "io/plot.h"

#include <algorithm>
#include <limits>

#include "sclip/error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

constexpr Rgb kRed{200, 0, 0};

Plot plot_of(std::vector<double> x, std::vector<double> y) {
  return {.title = "t",
          .x_label = "x",
          .y_label = "y",
          .lines = {{.name = "", .x = std::move(x), .y = std::move(y), .color = kRed, .width = 2}},
          .marks = {}};
}

// Columns that have red in them, and the mean row of each.
std::vector<std::pair<int, double>> red_columns(const Image& picture) {
  std::vector<std::pair<int, double>> out;
  for (int x = 0; x < picture.width; ++x) {
    double sum = 0;
    int count = 0;
    for (int y = 0; y < picture.height; ++y) {
      const uint8_t* p = picture.rgb.data() + (int64_t{y} * picture.width + x) * 3;
      if (p[0] > 150 && p[1] < 60 && p[2] < 60) {
        sum += y;
        ++count;
      }
    }
    if (count > 0) out.emplace_back(x, sum / count);
  }
  return out;
}

TEST_CASE("a rising line rises from left to right, and a straight one is straight", "[plot]") {
  const auto columns = red_columns(draw_plots(std::vector{plot_of({0, 1, 2}, {0, 1, 2})}));
  REQUIRE(columns.size() > 400);
  const auto [x0, y0] = columns[20];
  const auto [x1, y1] = columns[columns.size() - 20];
  for (const auto& [x, y] : columns) {
    if (x < x0 || x > x1) continue;
    REQUIRE(std::abs(y - (y0 + (y1 - y0) * (x - x0) / (x1 - x0))) < 1.5);
  }
  CHECK(y1 < y0 - 200);
}

TEST_CASE("a value that is not finite breaks the line", "[plot]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto columns = red_columns(draw_plots(std::vector{plot_of({0, 1, 2, 3, 4}, {1, 1, nan, 1, 1})}));
  int gap = 0;
  for (size_t i = 1; i < columns.size(); ++i) gap = std::max(gap, columns[i].first - columns[i - 1].first);
  CHECK(gap > 150);
}

TEST_CASE("plots of nothing, of one point and of huge values are drawn", "[plot]") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& values : {std::vector<double>{}, {3}, {1e300, -1e300}, {0, 0}, {infinity, infinity}, {1e-300, 0}}) {
    std::vector<double> x(values.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
    const Image picture = draw_plots(std::vector{plot_of(x, values), plot_of(x, values)}, 200, 150);
    CHECK(picture.width == 400);
    CHECK(picture.height == 150);
  }
}

TEST_CASE("what cannot be drawn is refused", "[plot]") {
  CHECK_THROWS_AS(draw_plots({}), Error);
  CHECK_THROWS_AS(draw_plots(std::vector{plot_of({0, 1}, {0})}), Error);
  CHECK_THROWS_AS(draw_plots(std::vector{plot_of({0}, {0})}, 20, 20), Error);
}

}  // namespace
}  // namespace sclip
