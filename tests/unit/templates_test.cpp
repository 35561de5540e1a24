#include "sclip/templates.h"

#include "sclip/error.h"
#include "tests/catch.h"

using namespace sclip;

TEST_CASE("the 80 ImageNet templates are built in", "[templates]") {
  REQUIRE(imagenet_templates().size() == 80);
  CHECK(apply_template(imagenet_templates().front(), "cat") == "a bad photo of a cat.");
  CHECK(apply_template(imagenet_templates().back(), "cat") == "a tattoo of the cat.");
  for (const std::string_view text : imagenet_templates()) CHECK_NOTHROW(parse_templates(text, "built in"));
}

TEST_CASE("templates from a file have one hole each", "[templates]") {
  CHECK(parse_templates("a {}.\r\n{}", "t.txt") == std::vector<std::string>{"a {}.", "{}"});
  CHECK_THROWS_WITH(parse_templates("", "t.txt"), Catch::Contains("t.txt holds no templates"));
  CHECK_THROWS_WITH(parse_templates("a {}\nb\n", "t.txt"), Catch::Contains("t.txt, line 2 is 'b'"));
  CHECK_THROWS_WITH(parse_templates("{} {}", "t.txt"), Catch::Contains("{} once"));
}

TEST_CASE("a name that looks like a hole stays as it is", "[templates]") {
  CHECK(apply_template("a {}.", "{}") == "a {}.");
  CHECK_THROWS_AS(apply_template("a photo", "cat"), Error);
}
