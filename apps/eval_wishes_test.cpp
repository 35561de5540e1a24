#include "apps/eval_wishes.h"

#include "tests/catch.h"

namespace sclip {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("a list of policies keeps the options of each together") {
  CHECK(split_names("none,pamr") == Names{"none", "pamr"});
  const auto wishes = parse_wishes("resclip:tau-r=1,t=0.2,clip,naclip:sigma=4", "none");
  REQUIRE(wishes.size() == 3);
  CHECK(wishes[0].policy == "resclip:tau-r=1,t=0.2");
  CHECK(wishes[1].policy == "clip");
  CHECK(wishes[2].policy == "naclip:sigma=4");
  CHECK(parse_wishes("", "none").at(0).policy.empty());
}

TEST_CASE("every policy goes with every refinement") {
  const auto wishes = parse_wishes("sclip,clip", "none,pamr");
  REQUIRE(wishes.size() == 4);
  CHECK(wishes[1].policy == "sclip");
  CHECK(wishes[1].refine == "pamr");
  CHECK(wishes[2].policy == "clip");
  CHECK(wishes[0].required);
  const auto all = parse_wishes("all", "none");
  CHECK(all.size() >= 7);
  CHECK_FALSE(all[0].required);
}

TEST_CASE("a table of the paper is its rows") {
  const auto protocols = table_wishes(4);
  REQUIRE(protocols.size() == 5);
  CHECK(protocols[3].protocol == Protocol{448, 224, 112});
  CHECK(table_wishes(1).size() == 4);
  CHECK(table_wishes(9).empty());
}

}  // namespace
}  // namespace sclip
