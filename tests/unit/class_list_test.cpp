#include "sclip/class_list.h"

#include "sclip/error.h"
#include "tests/catch.h"

using namespace sclip;
using Names = std::vector<std::string>;
using Indices = std::vector<int32_t>;
using Catch::Contains;

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

TEST_CASE("a comma without a blank and a semicolon are characters in a file, and a warning says so", "[class_list]") {
  const ClassList list = parse_class_file("sky\na,b, c\nd;e\nf,g\n", "f.txt");
  CHECK(list.queries() == Names{"sky", "a,b", "c", "d;e", "f,g"});
  REQUIRE(list.warnings().size() == 2);
  CHECK_THAT(list.warnings()[0], Contains("f.txt, line 2: the comma in 'a,b'") && Contains("1 more"));
  CHECK_THAT(list.warnings()[1], Contains("f.txt, line 3: the ';' in 'd;e'") && !Contains("more like"));
  CHECK(parse_class_file("\"a,b\", \"c;d\"\n", "f.txt").warnings().empty());
  CHECK(parse_class_argument("a,b; c").warnings().empty());
}

TEST_CASE("blank lines and remarks do not count, and lines keep their numbers", "[class_list]") {
  const ClassList list = parse_class_file("# sky and land\n\n  # more\nsky\n \t\n\"#1\"\nno. #2\n", "f.txt");
  CHECK(list.class_names() == Names{"sky", "#1", "no. #2"});
  CHECK_THROWS_WITH(parse_class_file("# a\n\nsky, \n", "f.txt"), Contains("f.txt, line 3 has an empty name"));
  CHECK_THROWS_WITH(parse_class_file("# a\n\n", "f.txt"), Contains("f.txt lists no classes"));
}

TEST_CASE("lines may end in CR, with a warning", "[class_list]") {
  const ClassList list = parse_class_file("sky\r\ntree\rhouse, temple\r", "f.txt");
  CHECK(list.queries() == Names{"sky", "tree", "house", "temple"});
  REQUIRE(list.warnings().size() == 1);
  CHECK_THAT(list.warnings()[0], Contains("f.txt, line 2 ends in a CR"));
  CHECK(parse_class_file("sky\r\ntree\r\n", "f.txt").warnings().empty());
  CHECK_THROWS_WITH(parse_class_file("sky\rtree\rsky\r", "f.txt"), Contains("line 3 is 'sky', and so is line 1"));
}

TEST_CASE("double quotes hold what would separate", "[class_list]") {
  const Names expected{"black, white; or = grey", "a \"b\" c", "#d"};
  CHECK(parse_class_file("\"black, white; or = grey\" , \"a \"\"b\"\" c\",\"#d\"\n", "f.txt").queries() == expected);
  const ClassList argument = parse_class_argument(" \"black, white; or = grey\";\"a \"\"b\"\" c\" , \"#d\";");
  CHECK(argument.queries() == expected);
  CHECK(argument.query_class() == Indices{0, 1, 1});
  CHECK(parse_class_argument("5\" pipe; rock 'n' roll").queries() == Names{"5\" pipe", "rock 'n' roll"});
  CHECK_THROWS_WITH(parse_class_argument("a; \"b"), Contains("--classes, class 2 opens a quote that nothing closes"));
  CHECK_THROWS_WITH(parse_class_argument("\"a\" b"), Contains("goes on behind the closing quote of \"a\""));
  CHECK_THROWS_WITH(parse_class_argument("\"\""), Contains("class 1 is empty"));
  CHECK_THROWS_WITH(parse_class_file("sky\n\"a\"; b\n", "f.txt"), Contains("f.txt, line 2 goes on behind"));
}

TEST_CASE("a name to show stands before '='", "[class_list]") {
  for (const ClassList& list : {parse_class_file("ground = grass, sand\n\"a=b\" = \"c=d\"\nsky\n", "f.txt"),
                                parse_class_argument("ground=grass,sand;\"a=b\"=\"c=d\";sky")}) {
    CHECK(list.class_names() == Names{"ground", "a=b", "sky"});
    CHECK(list.queries() == Names{"grass", "sand", "c=d", "sky"});
    CHECK(list.query_class() == Indices{0, 0, 1, 2});
  }
  CHECK_THROWS_WITH(parse_class_argument("a = b = c"), Contains("class 1 has an '=' behind 'b'"));
  CHECK_THROWS_WITH(parse_class_argument("a, b = c"), Contains("class 1 has an '=' behind 'b'"));
  CHECK_THROWS_WITH(parse_class_argument("= c"), Contains("class 1 begins with '='"));
  CHECK_THROWS_WITH(parse_class_argument("a ="), Contains("class 1 has an empty name"));
  CHECK_THROWS_WITH(parse_class_argument("\"\" = a"), Contains("class 1 begins with '='"));
  CHECK_THROWS_WITH(parse_class_argument("a = b; c; a"), Contains("class 3 is 'a', and so is class 1"));
}

TEST_CASE("a name that shows nothing is empty", "[class_list]") {
  CHECK_THROWS_WITH(parse_class_argument("sky; \xE2\x80\x8B\xC2\xA0"), Contains("class 2 is empty"));  // U+200B, U+00A0
  CHECK_THROWS_WITH(parse_class_argument("sky; a, \xE3\x80\x80"), Contains("class 2 has an empty name"));  // U+3000
  CHECK(parse_class_argument("a\xC2\xA0"
                             "dog\xE2\x80\x8B")
            .size() == 1);
}

TEST_CASE("CLIP's marks of a text's begin and end are no part of a name", "[class_list]") {
  for (const char* name :
       {"<|endoftext|>", "a <|EndOfText|> dog", "<|startoftext|>", "<end_of_text>", "<start_of_text>b",
        "\"&lt;end_of_text&gt;\"", "\"&amp;lt;|endoftext|&amp;gt;\"", "＜|endoftext|＞"}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(parse_class_argument(str("sky; ", name)), Contains("--classes, class 2") && Contains("holds <"));
    CHECK_THROWS_AS(ClassList::from_queries({"a"}, {name}, {0}), Error);
  }
  CHECK(parse_class_argument("end of text; <endoftext>").size() == 2);
}

TEST_CASE("class files are UTF-8, or UTF-16 with its mark", "[class_list]") {
  const std::string text = "sky\nhouse, \xF0\x9F\xA6\x8A\n";  // U+1F98A
  const std::u16string wide = u"sky\nhouse, \U0001F98A\n";
  std::string little = "\xFF\xFE", big = "\xFE\xFF";
  for (const char16_t unit : wide) {
    const char low = static_cast<char>(unit & 0xFF), high = static_cast<char>(unit >> 8);
    little += {low, high};
    big += {high, low};
  }
  for (const std::string& file : {text, "\xEF\xBB\xBF" + text, little, big}) {
    CHECK(parse_class_file(file, "f.txt").queries() == Names{"sky", "house", "\xF0\x9F\xA6\x8A"});
  }
  CHECK(parse_class_file("\xEF\xBF\xBD", "f.txt").size() == 1);  // U+FFFD as somebody wrote it

  const auto refused = [](std::string_view bytes, const char* place) {
    CHECK_THROWS_WITH(parse_class_file(bytes, "f.txt"), Contains(place));
  };
  using namespace std::string_view_literals;
  refused("sky\ncaf\xE9\n"sv, "f.txt, line 2, byte 4 is 0xE9");       // Latin-1
  refused("sky\rcaf\xC3"sv, "f.txt, line 2, byte 4 is 0xC3");         // cut
  refused("sky\r\n\xED\xA0\x80"sv, "f.txt, line 2, byte 1 is 0xED");  // a surrogate
  refused("sky\ntr\0ee"sv, "f.txt, line 2, byte 3 is a NUL");
  refused(std::string_view(little).substr(2), "f.txt, line 1, byte 2 is a NUL");                // UTF-16 without a mark
  refused("\xFF\xFE\0\0s\0\0\0"sv, "line 1: the bytes 3 and 4 of this UTF-16 file are a NUL");  // UTF-32
  refused("\xFF\xFEs\0\n\0\0\xD8t\0"sv, "line 2: the bytes 7 and 8 of this UTF-16 file are 0xD800");
  refused("\xFF\xFEs\0\0\xDC"sv, "line 1: the bytes 5 and 6 of this UTF-16 file are 0xDC00");
  refused("\xFE\xFF\0s\0"sv, "5 bytes, and the last is half");
  CHECK_THROWS_WITH(parse_class_argument("caf\xE9"), Contains("--classes, line 1, byte 4 is 0xE9"));
}

TEST_CASE("a command line separates classes by ; and synonyms by ,", "[class_list]") {
  const ClassList list = parse_class_argument("sky; building, house,temple ;tree;person;");
  CHECK(list.class_names() == Names{"sky", "building", "tree", "person"});
  CHECK(list.queries() == Names{"sky", "building", "house", "temple", "tree", "person"});
  CHECK(list.query_class() == Indices{0, 1, 1, 1, 2, 3});
  CHECK(parse_class_argument("cat").class_names() == Names{"cat"});
}

TEST_CASE("class lists that cannot be meant name the place", "[class_list]") {
  CHECK_THROWS_WITH(parse_class_file("", "f.txt"), Contains("f.txt lists no classes"));
  CHECK_THROWS_WITH(parse_class_file("sky\n\"\"\ntree\n", "f.txt"), Contains("f.txt, line 2 is empty"));
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
        Expected{"ade20k", 150, 150}, Expected{"cityscapes", 19, 19}, Expected{"voc21_people", 21, 56},
        Expected{"voc20_people", 20, 30}, Expected{"cityscapes_people", 19, 19}}) {
    CAPTURE(name);
    const ClassList list = parse_class_file(builtin_class_file(name), name);
    CHECK(list.class_names().size() == classes);
    CHECK(list.queries().size() == queries);
    CHECK(list.query_class().size() == queries);
  }
  CHECK(builtin_class_file_names().size() == 11);
  // What the first class means is background words, and so it is called.
  for (const char* name : {"voc21", "context60", "coco_object"}) {
    const ClassList list = parse_class_file(builtin_class_file(name), name);
    CHECK(list.class_names()[0] == "background");
    CHECK(list.warnings().empty());
  }
  CHECK(parse_class_file(builtin_class_file("voc21"), "voc21").queries()[0] == "sky");
  CHECK_THROWS_WITH(builtin_class_file("voc"),
                    Catch::Contains("'voc'") && Catch::Contains("voc20, voc20_people, voc21"));
}

TEST_CASE("names make a class list, and what cannot be meant is refused", "[class_list]") {
  using Classes = std::vector<std::vector<std::string>>;
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
  const Names names{"a", "b", "c"};
  for (const auto& [classes, empty] :
       {std::pair{Indices{1, 2}, "class 0 ('a')"}, std::pair{Indices{0, 2}, "class 1 ('b')"},
        std::pair{Indices{0, 1}, "class 2 ('c')"}}) {
    CHECK_THROWS_WITH(ClassList::from_queries(names, {"x", "y"}, classes), Contains(empty) && Contains("has no query"));
    CHECK(ClassList::from_queries(names, {"x", "y"}, classes, EmptyClasses::kAllowed).size() == 3);
  }
}
