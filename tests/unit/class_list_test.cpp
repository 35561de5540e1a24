#include "engine/text/class_list.h"

#include "core/error.h"
#include "tests/catch.h"

using namespace sclip;
using Names = std::vector<std::string>;
using Indices = std::vector<int32_t>;

TEST_CASE("a class file has a class a line and synonyms between commas", "[class_list]") {
  const ClassList list = parse_class_file("sky\nperson, person in shirt\ntree", "f.txt");
  CHECK(list.class_names == Names{"sky", "person", "tree"});
  CHECK(list.queries == Names{"sky", "person", "person in shirt", "tree"});
  CHECK(list.query_class == Indices{0, 1, 1, 2});
}

TEST_CASE("a class file may have CRLF, a byte order mark and a last newline", "[class_list]") {
  const ClassList list = parse_class_file("\xEF\xBB\xBFsky\r\nhouse, temple \r\n", "f.txt");
  CHECK(list.queries == Names{"sky", "house", "temple"});
}

TEST_CASE("only comma and space separate synonyms in a file", "[class_list]") {
  CHECK(parse_class_file("a,b\n", "f.txt").queries == Names{"a,b"});
}

TEST_CASE("a command line separates classes by ; and synonyms by ,", "[class_list]") {
  const ClassList list = parse_class_argument("sky; building, house,temple ;tree;person;");
  CHECK(list.class_names == Names{"sky", "building", "tree", "person"});
  CHECK(list.queries == Names{"sky", "building", "house", "temple", "tree", "person"});
  CHECK(list.query_class == Indices{0, 1, 1, 1, 2, 3});
  CHECK(parse_class_argument("cat").class_names == Names{"cat"});
}

TEST_CASE("class lists that cannot be meant name the place", "[class_list]") {
  using Catch::Contains;
  CHECK_THROWS_WITH(parse_class_file("", "f.txt"), Contains("f.txt lists no classes"));
  CHECK_THROWS_WITH(parse_class_file("sky\n\ntree\n", "f.txt"), Contains("f.txt, line 2 is empty"));
  CHECK_THROWS_WITH(parse_class_file("sky\ntree\nsky\n", "f.txt"), Contains("line 3 is 'sky', and so is line 1"));
  CHECK_THROWS_WITH(parse_class_file("sky, , tree\n", "f.txt"), Contains("line 1 has an empty name"));
  CHECK_THROWS_WITH(parse_class_file("sky, sky\n", "f.txt"), Contains("names 'sky' twice"));
  CHECK_THROWS_WITH(parse_class_argument(""), Contains("--classes lists no classes"));
  CHECK_THROWS_WITH(parse_class_argument(" "), Contains("no classes"));
  CHECK_THROWS_WITH(parse_class_argument("a;;b"), Contains("--classes, class 2 is empty"));
  CHECK_THROWS_WITH(parse_class_argument("a,;b"), Contains("class 1 has an empty name"));
  CHECK_THROWS_WITH(parse_class_argument("a;b;a"), Contains("class 3 is 'a', and so is class 1"));
}

TEST_CASE("a mask's 16 bits bound the classes", "[class_list]") {
  std::string text;
  for (int i = 0; i < 65536; ++i) text += str("c", i, "\n");
  CHECK(parse_class_file(text, "f.txt").class_names.size() == 65536);
  CHECK_THROWS_WITH(parse_class_file(text + "more\n", "f.txt"), Catch::Contains("more than 65536 classes"));
}

TEST_CASE("the benchmarks' classes are built in", "[class_list]") {
  struct Expected {
    const char* name;
    size_t classes, queries;
  };
  for (const auto& [name, classes, queries] :
       {Expected{"voc21", 21, 56}, Expected{"voc20", 20, 30}, Expected{"context60", 60, 60},
        Expected{"context59", 59, 59}, Expected{"coco_object", 81, 113}, Expected{"coco_stuff", 171, 171},
        Expected{"ade20k", 150, 150}, Expected{"cityscapes", 19, 19}}) {
    CAPTURE(name);
    const ClassList list = parse_class_file(builtin_class_file(name), name);
    CHECK(list.class_names.size() == classes);
    CHECK(list.queries.size() == queries);
    CHECK(list.query_class.size() == queries);
  }
  CHECK(builtin_class_file_names().size() == 8);
  CHECK_THROWS_WITH(builtin_class_file("voc"), Catch::Contains("'voc'") && Catch::Contains("voc20, voc21"));
}
