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

TEST_CASE("a background that comes first is black") {
  const std::vector<std::string> with{"Background", "cat"}, without{"cat", "background"};
  CHECK(make_palette(with)[0] == Rgb{0, 0, 0});
  CHECK(make_palette(with)[1] == make_palette(without)[0]);
  CHECK_FALSE(make_palette(without)[1] == Rgb{0, 0, 0});
}

TEST_CASE("the VOC colours are those of the data set") {
  const std::vector<Rgb> voc = voc_palette(256);
  CHECK(voc[0] == Rgb{0, 0, 0});
  CHECK(voc[1] == Rgb{128, 0, 0});
  CHECK(voc[15] == Rgb{192, 128, 128});
  CHECK(voc[20] == Rgb{0, 64, 128});
  CHECK(voc[255] == Rgb{224, 224, 192});
}

}  // namespace
}  // namespace sclip
