#include "core/find_named.h"

#include <array>

#include "backends/backend.h"
#include "sclip/segment_config.h"
#include "tests/catch.h"

namespace sclip {
namespace {

using Catch::Contains;

TEST_CASE("a near miss is answered with the name that was meant", "[find_named]") {
  const std::vector<std::string_view> known = {"voc20", "voc21", "cityscapes", "coco_object", "f16"};
  CHECK(nearest_name("cityscape", known) == "cityscapes");
  CHECK(nearest_name("City-Scapes", known) == "cityscapes");
  CHECK(nearest_name("coco-objects", known) == "coco_object");
  CHECK(nearest_name("VOC21", known) == "voc21");
  CHECK(nearest_name("voc22", known) == "voc20");              // the first of equals
  CHECK(nearest_name("slcip", {"clip", "sclip"}) == "sclip");  // two letters swapped are one mistake
  CHECK(nearest_name("", known).empty());
  CHECK(nearest_name("f", known) == "f16");
  CHECK(nearest_name("xyz", known).empty());  // no letter of f16 is left
  CHECK(nearest_name("landscapes", known).empty());
  CHECK(nearest_name(std::string(100'000, 'v'), known).empty());
}

TEST_CASE("what is not in a table is refused with a near miss and all that is", "[find_named]") {
  struct Entry {
    std::string_view name;
  };
  const std::array table = {Entry{"mask"}, Entry{"overlay"}};
  CHECK(&find_named(table, "overlay", "there is no output") == &table[1]);
  CHECK_THROWS_WITH(find_named(table, "overly", "there is no output"),
                    "there is no output 'overly': did you mean 'overlay'? use one of mask, overlay");
  CHECK_THROWS_WITH(find_named(table, "pictures", "there is no output"),
                    "there is no output 'pictures': use one of mask, overlay");
  CHECK_THROWS_WITH(find_named(std::vector<Entry>{}, "x", "policy p has no option"),
                    "policy p has no option 'x': it has none");
}

TEST_CASE("every name that a person writes is looked up so", "[find_named]") {
  CHECK_THROWS_WITH(builtin_class_file("VOC21"), Contains("did you mean 'voc21'?"));
  CHECK_THROWS_WITH(resolve({.config = "ade2k"}, {}), Contains("did you mean 'ade20k'?"));
  CHECK_THROWS_WITH(resolve({.policy = "sclp"}, {}), Contains("did you mean 'sclip'?"));
  CHECK_THROWS_WITH(resolve({.policy = "naclip:sigm=3"}, {}), Contains("did you mean 'sigma'?"));
  CHECK_THROWS_WITH(resolve({.refine = "parm"}, {}), Contains("did you mean 'pamr'?"));
  CHECK_THROWS_WITH(parse_precision("fp16"), Contains("did you mean 'f16'?"));
}

}  // namespace
}  // namespace sclip
