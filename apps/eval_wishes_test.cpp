#include "apps/eval_wishes.h"

#include "tests/catch.h"

namespace sclip {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("a list of policies keeps the options of each together") {
  CHECK(split_list("sclip") == Names{"sclip"});
  CHECK(split_list("sclip,clip") == Names{"sclip", "clip"});
  CHECK(split_list("naclip:sigma=3,x=2,clip,naclip:sigma=4") == Names{"naclip:sigma=3,x=2", "clip", "naclip:sigma=4"});
  CHECK(split_list("") == Names{""});
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
