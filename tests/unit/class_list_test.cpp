#include "sclip/class_list.h"

#include "sclip/error.h"
#include "tests/catch.h"

using namespace sclip;
using Names = std::vector<std::string>;
using Indices = std::vector<int32_t>;

TEST_CASE("a class file has a class a line and synonyms between commas", "[class_list]") {
  const ClassList list = parse_class_file("sky\nperson, person in shirt\ntree", "f.txt");
  CHECK(list.class_names() == Names{"sky", "person", "tree"});
  CHECK(list.queries() == Names{"sky", "person", "person in shirt", "tree"});
  CHECK(list.query_class() == Indices{0, 1, 1, 2});
}

TEST_CASE("a class file may have CRLF, a byte order mark and a last newline", "[class_list]") {
  const ClassList list = parse_class_file("\xEF\xBB\xBFsky\r\nhouse, temple \r\n", "f.txt");
  CHECK(list.queries() == Names{"sky", "house", "temple"});
}

TEST_CASE("only comma and space separate synonyms in a file", "[class_list]") {
  CHECK(parse_class_file("a,b\n", "f.txt").queries() == Names{"a,b"});
}

TEST_CASE("a command line separates classes by ; and synonyms by ,", "[class_list]") {
  const ClassList list = parse_class_argument("sky; building, house,temple ;tree;person;");
  CHECK(list.class_names() == Names{"sky", "building", "tree", "person"});
  CHECK(list.queries() == Names{"sky", "building", "house", "temple", "tree", "person"});
  CHECK(list.query_class() == Indices{0, 1, 1, 1, 2, 3});
  CHECK(parse_class_argument("cat").class_names() == Names{"cat"});
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
  CHECK(parse_class_file(text, "f.txt").class_names().size() == 65536);
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
    CHECK(list.class_names().size() == classes);
    CHECK(list.queries().size() == queries);
    CHECK(list.query_class().size() == queries);
  }
  CHECK(builtin_class_file_names().size() == 8);
  CHECK_THROWS_WITH(builtin_class_file("voc"), Catch::Contains("'voc'") && Catch::Contains("voc20, voc21"));
}

TEST_CASE("names make a class list, and what cannot be meant is refused", "[class_list]") {
  using Classes = std::vector<std::vector<std::string>>;
  using Catch::Contains;
  const ClassList list = ClassList::from_names(Classes{{"sky"}, {" person ", "person in shirt"}});
  CHECK(list.size() == 2);
  CHECK(list.class_names() == Names{"sky", "person"});
  CHECK(list.queries() == Names{"sky", "person", "person in shirt"});
  CHECK(list.query_class() == Indices{0, 1, 1});
  CHECK_THROWS_WITH(ClassList::from_names(Classes{}), Contains("the class list lists no classes"));
  CHECK_THROWS_WITH(ClassList::from_names(Classes{{"a"}, {}}), Contains("the class list, class 2 has no names"));
  CHECK_THROWS_WITH(ClassList::from_names(Classes{{"a", " "}}), Contains("class 1 has an empty name"));
  CHECK_THROWS_WITH(ClassList::from_names(Classes{{"a", "a"}}), Contains("names 'a' twice"));
  CHECK_THROWS_WITH(ClassList::from_names(Classes{{"a"}, {"b"}, {"a"}}), Contains("class 3 is 'a', and so is class 1"));
  CHECK_THROWS_WITH(ClassList::from_names(Classes(65537, {"a"})), Contains("class 2 is 'a'"));
}

TEST_CASE("arrays make a class list when they agree", "[class_list]") {
  using Catch::Contains;
  const ClassList list = ClassList::from_queries({"sky", "sky"}, {"sky", "clouds", "fog"}, {0, 0, 1});
  CHECK(list.size() == 2);
  CHECK(list.query_class() == Indices{0, 0, 1});
  const auto make = [](const Names& names, const Names& queries, const Indices& classes) {
    return ClassList::from_queries(names, queries, classes);
  };
  CHECK_THROWS_WITH(make({}, {"a"}, {0}), Contains("0 classes; a mask holds 1 to 65536"));
  CHECK_THROWS_WITH(make(Names(65537, "c"), {"a"}, {0}), Contains("65537 classes"));
  CHECK_THROWS_WITH(make({"a"}, {}, {}), Contains("without a query"));
  // A short list of classes was read out of bounds by the merge.
  CHECK_THROWS_WITH(make({"a"}, {"a", "b"}, {0}), Contains("2 queries with the classes of 1"));
  CHECK_THROWS_WITH(make({"a"}, {"a"}, {0, 0}), Contains("1 queries with the classes of 2"));
  CHECK_THROWS_WITH(make({"a", "b"}, {"a", "b"}, {0, 2}), Contains("query 1 is of class 2; there are classes 0 to 1"));
  CHECK_THROWS_WITH(make({"a", "b"}, {"a", "b"}, {-1, 1}), Contains("query 0 is of class -1"));
  CHECK_THROWS_WITH(make({"a", "b"}, {"a", "b", "c"}, {0, 1, 0}),
                    Contains("query 2 is of class 0 and follows one of class 1"));
  CHECK_THROWS_WITH(make({"a", " "}, {"a", "b"}, {0, 1}), Contains("class 1 is empty"));
  CHECK_THROWS_WITH(make({"a", "b"}, {"a", ""}, {0, 1}), Contains("query 1 is empty"));
}

TEST_CASE("a class without a query is refused unless it is allowed", "[class_list]") {
  using Catch::Contains;
  const Names names{"a", "b", "c"};
  for (const auto& [classes, empty] :
       {std::pair{Indices{1, 2}, "class 0 ('a')"}, std::pair{Indices{0, 2}, "class 1 ('b')"},
        std::pair{Indices{0, 1}, "class 2 ('c')"}}) {
    CHECK_THROWS_WITH(ClassList::from_queries(names, {"x", "y"}, classes), Contains(empty) && Contains("has no query"));
    CHECK(ClassList::from_queries(names, {"x", "y"}, classes, EmptyClasses::kAllowed).size() == 3);
  }
}
