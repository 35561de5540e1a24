#include "io/palette.h"

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/catch.h"

namespace sclip {
namespace {

TEST_CASE("colours are all different, however many") {
  const size_t classes = GENERATE(0u, 1u, 2u, 21u, 171u, 256u, 1500u, 65536u);
  const bool black_first = GENERATE(false, true);
  const std::vector<Rgb> palette = make_palette(classes, black_first);
  REQUIRE(palette.size() == classes);
  std::set<std::tuple<int, int, int>> seen;
  for (const Rgb c : palette) seen.emplace(c.r, c.g, c.b);
  CHECK(seen.size() == classes);
}

TEST_CASE("a class keeps its colour when others follow") {
  const std::vector<Rgb> few = make_palette(30, false), many = make_palette(2000, false);
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
}

TEST_CASE("black comes first when it is asked for, and moves the others up") {
  const std::vector<Rgb> with = make_palette(5, true), without = make_palette(5, false);
  CHECK(with[0] == Rgb{0, 0, 0});
  CHECK(std::equal(with.begin() + 1, with.end(), without.begin()));
  CHECK_FALSE(without[0] == Rgb{0, 0, 0});
}

}  // namespace
}  // namespace sclip
