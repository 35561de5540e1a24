#include <algorithm>
#include <set>

#include "results/class_file_name.h"
#include "results/class_style.h"
#include "results/output_choice.h"
#include "sclip/error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

using Catch::Matchers::Contains;
using Names = std::vector<std::string>;

TEST_CASE("outputs: the choice is in the table's order, the JSON last") {
  CHECK(to_strings(parse_outputs("json,logits=a/b.npy,mask")) == Names{"mask", "logits=a/b.npy", "json"});
  CHECK(to_strings(parse_outputs("per-class=masks")) == Names{"per-class=masks"});
  Names all;
  std::string text;
  for (const OutputKind& kind : output_kinds()) {
    all.emplace_back(kind.name);
    text = std::string(kind.name) + (text.empty() ? "" : ",") + text;
  }
  CHECK(to_strings(parse_outputs(text)) == all);
  CHECK(all.back() == "json");
  CHECK(to_strings(parse_outputs(kDefaultOutputs)) == Names{"mask", "overlay", "json"});
}

TEST_CASE("outputs: what cannot be meant is refused with what can") {
  CHECK_THROWS_WITH(parse_outputs("mask,magic"), Contains("'magic'") && Contains("rle"));
  CHECK_THROWS_WITH(parse_outputs(""), Contains("''"));
  CHECK_THROWS_WITH(parse_outputs("mask,"), Contains("''"));
  CHECK_THROWS_WITH(parse_outputs("mask,grey,mask"), Contains("mask") && Contains("twice"));
  CHECK_THROWS_WITH(parse_outputs("mask=a.jpg"), Contains("a.jpg") && Contains(".png"));
  CHECK_THROWS_WITH(parse_outputs("per-class=a.png"), Contains("a.png") && Contains("folder"));
  CHECK_THROWS_WITH(parse_outputs("mask="), Contains("mask"));
  CHECK_THROWS_WITH(parse_outputs("json=mine.json"), Contains("result.json"));
  CHECK_THROWS_WITH(parse_outputs("scores=a.npy,logits=./a.npy"), Contains("scores") && Contains("logits"));
}

TEST_CASE("class file names: letters and digits of any script, never a path, unique by the id") {
  CHECK(class_file_name(7, 21, "traffic light") == "07-traffic-light");
  CHECK(class_file_name(3, 4, "sky") == "3-sky");
  CHECK(class_file_name(0, 171, "../../etc/passwd") == "000-etc-passwd");
  CHECK(class_file_name(1, 2, "a\\b\nc\x01") == "1-a-b-c");
  CHECK(class_file_name(1, 2, "небо 空 é") == "1-небо-空-é");
  CHECK(class_file_name(1, 2, "e\u0301") == "1-é");  // composed
  CHECK(class_file_name(1, 2, "tree 🌳") == "1-tree");
  CHECK(class_file_name(1, 2, "🌳") == "1");
  CHECK(class_file_name(1, 2, "\xff\xfe") == "1");
  CHECK(class_file_name(4, 9, "a/b") != class_file_name(5, 9, "a b"));
  std::string lengthy;
  for (int i = 0; i < 200; ++i) lengthy += "空";
  CHECK(class_file_name(1, 2, lengthy).size() <= 102);
  CHECK(class_file_name(1, 2, lengthy).size() % 3 == 2);  // "1-" and whole characters of 3 bytes
}

TEST_CASE("class file names are recognised, and others are not") {
  for (const char* name : {"sky", "🌳", "../x"}) CHECK(is_class_file_name(class_file_name(12, 100, name) + ".png"));
  for (const char* name : {"sky.png", "12-sky.jpg", "12", ".png", "-a.png", "12x.png", "2024.11.png"}) {
    CHECK_FALSE(is_class_file_name(name));
  }
}

TEST_CASE("one rule says what the background is: class 0, called so in whatever case") {
  const Names first{"Background", "cat"}, later{"cat", "background"}, other{"backgrounds", "cat"};
  CHECK(has_background(first));
  CHECK_FALSE(has_background(later));
  CHECK_FALSE(has_background(other));
  CHECK_FALSE(has_background({}));

  // Colour and opacity go by the same rule.
  const std::vector<ClassStyle> with = class_styles(first), without = class_styles(later);
  CHECK(with[0].color == Rgb{0, 0, 0});
  CHECK(with[0].opacity < with[1].opacity);
  CHECK(with[1].color == without[0].color);
  CHECK_FALSE(without[1].color == Rgb{0, 0, 0});
  CHECK(without[0].opacity == without[1].opacity);
}

}  // namespace
}  // namespace sclip
