#include "engine/window_grid.h"

#include <algorithm>
#include <limits>

#include "sclip/error.h"
#include "tests/catch.h"

using namespace sclip;

namespace {

// How many of the windows that begin at `starts` hold position x.
int covering(const std::vector<int32_t>& starts, int length, int x) {
  return static_cast<int>(
      std::count_if(starts.begin(), starts.end(), [&](int32_t s) { return s <= x && x < s + length; }));
}

int coverage(const WindowGrid& grid, int x, int y) {
  return covering(grid.xs, grid.window_width, x) * covering(grid.ys, grid.window_height, y);
}

}  // namespace

TEST_CASE("the last window is shifted back to the border", "[window_grid]") {
  const WindowGrid grid = make_window_grid(336, 504, 224, 112);
  CHECK(grid.xs == std::vector<int32_t>{0, 112, 224, 280});
  CHECK(grid.ys == std::vector<int32_t>{0, 112});
  CHECK(grid.count() == 8);
  CHECK(grid.grid_w(16) == 14);
  const Window last = grid.window(7);
  CHECK((last.x0 == 280 && last.y0 == 112 && last.width == 224 && last.height == 224));
  CHECK(coverage(grid, 0, 0) == 1);
  CHECK(coverage(grid, 300, 150) == 3 * 2);  // columns at 112, 224, 280
  CHECK(coverage(grid, 503, 335) == 1);
}

TEST_CASE("an axis shorter than the crop has one shorter window, and a ragged grid is floored", "[window_grid]") {
  const WindowGrid grid = make_window_grid(100, 300, 224, 112);
  CHECK(grid.ys == std::vector<int32_t>{0});
  CHECK(grid.xs == std::vector<int32_t>{0, 76});
  CHECK(grid.window_height == 100);
  CHECK(grid.window_width == 224);
  CHECK(grid.grid_h(16) == 6);
  const WindowGrid one = make_window_grid(1, 1, 224, 112);
  CHECK(one.count() == 1);
  CHECK((one.window_width == 1 && one.window_height == 1));
}

TEST_CASE("crop 0 is the whole photo", "[window_grid]") {
  const WindowGrid grid = make_window_grid(37, 1000, 0, 0);
  CHECK(grid.count() == 1);
  CHECK((grid.window_width == 1000 && grid.window_height == 37));
}

TEST_CASE("every pixel is covered and every window lies inside", "[window_grid]") {
  for (int length = 1; length <= 70; ++length) {
    for (int crop = 1; crop <= 20; ++crop) {
      for (int stride = 1; stride <= crop; ++stride) {
        const WindowGrid grid = make_window_grid(3, length, crop, stride);
        const int n = std::max(length - crop + stride - 1, 0) / stride + 1;
        REQUIRE(static_cast<int>(grid.xs.size()) == n);
        REQUIRE(grid.xs.front() == 0);
        REQUIRE(grid.xs.back() + grid.window_width == length);
        for (int x = 0; x < length; ++x) REQUIRE(coverage(grid, x, 1) >= 1);
      }
    }
  }
}

TEST_CASE("windows that cannot work are refused", "[window_grid]") {
  CHECK_THROWS_AS(make_window_grid(0, 5, 224, 112), Error);
  CHECK_THROWS_AS(make_window_grid(5, 0, 224, 112), Error);
  CHECK_THROWS_AS(make_window_grid(5, 5, -1, 112), Error);
  CHECK_THROWS_AS(make_window_grid(5, 5, 224, 0), Error);
  CHECK_THROWS_AS(make_window_grid(5, 5, 224, 225), Error);
  CHECK(make_window_grid(5, 5, std::numeric_limits<int>::max(), std::numeric_limits<int>::max()).count() == 1);
}

TEST_CASE("more windows than 32 bits number are refused", "[window_grid]") {
  CHECK_THROWS_WITH(
      make_window_grid(100000, 100000, 2, 1),
      Catch::Contains("99999×99999 on a photo of 100000×100000 pixels") && Catch::Contains("at most 2147483647"));
  CHECK(make_window_grid(100000, 100000, 2048, 1024).count() == 97 * 97);
}
