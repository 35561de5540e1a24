#include "server/routes/fields.h"

#include "server/http/http_error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

using enum FieldKind;

const std::vector<FieldSpec> kSpecs = {{"text", kText, ""},
                                       {"choice", kText, "", -1, 1,
                                        [] {
                                          return std::vector<std::string>{"one", "two"};
                                        }},
                                       {"whole", kInteger, "", 1, 10},
                                       {"number", kNumber, "", 0, 1},
                                       {"flag", kFlag, ""},
                                       {"texts", kTexts, ""},
                                       {"numbers", kIntegers, "", 1, 32},
                                       {"words", kWords, ""},
                                       {"photo", kPhoto, ""}};

HttpRequest request(const std::string& type, const std::string& body) {
  HttpRequest r;
  if (!type.empty()) r.headers.emplace("content-type", type);
  r.body = body;
  return r;
}

int status_of(const HttpRequest& r) {
  try {
    const Fields fields(r, kSpecs);
    return 200;
  } catch (const HttpError& error) {
    return error.status();
  }
}

int status_of_json(const std::string& body) {
  return status_of(request("application/json; charset=utf-8", body));
}

int status_of_query(const std::string& name, const std::string& value) {
  HttpRequest r;
  r.query.emplace(name, value);
  return status_of(r);
}

TEST_CASE("the same fields come as JSON, as a form, and behind the question mark") {
  const HttpRequest json = request(
      "application/json",
      R"({"text": "t", "whole": 3, "number": 0.5, "flag": true, "texts": ["a", "b"], "numbers": [8, 16], "words": "sky; tree", "photo": "Zm9v"})");
  std::string body;
  const std::vector<std::pair<std::string, std::string>> parts = {
      {"text", "t"},  {"whole", "3"},      {"number", "0.5"},      {"flag", "true"}, {"texts", "a"},
      {"texts", "b"}, {"numbers", "8,16"}, {"words", "sky; tree"}, {"photo", "foo"}};
  for (const auto& [name, value] : parts) {
    body += "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
  }
  const HttpRequest form = request("multipart/form-data; boundary=B", body + "--B--");
  HttpRequest query = request("image/png", "foo");
  for (const auto& [name, value] : parts) {
    if (name != "photo") query.query.emplace(name, value);
  }
  for (const HttpRequest* r : std::initializer_list<const HttpRequest*>{&json, &form, &query}) {
    const Fields fields(*r, kSpecs);
    CHECK(fields.text("text") == "t");
    CHECK(fields.number("whole") == 3.0);
    CHECK(fields.number("number") == 0.5);
    CHECK(fields.flag("flag"));
    CHECK(fields.texts("texts") == std::vector<std::string>{"a", "b"});
    CHECK(*fields.find("numbers") == Fields::Json::array({8, 16}));
    CHECK(*fields.find("words") == "sky; tree");
    REQUIRE(fields.photo().has_value());
    CHECK(fields.photo()->bytes == "foo");
  }
}

TEST_CASE("a value that is not of its field's kind or range is refused") {
  CHECK(status_of_json("{}") == 200);
  CHECK(status_of_json(R"({"text": null})") == 200);
  for (const char* body : {R"({"text": 1})", R"({"choice": "three"})", R"({"whole": 0})", R"({"whole": 11})",
                           R"({"whole": 1.5})", R"({"whole": "3"})", R"({"number": 2})", R"({"flag": "yes"})",
                           R"({"texts": "a"})", R"({"texts": [1]})", R"({"numbers": [0]})", R"({"numbers": [1.5]})",
                           R"({"words": []  , "words": 3})", R"({"words": [[]]})", R"({"words": [["a", 1]]})",
                           R"({"photo": "Z"})", R"({"photo": 1})", R"({"unknown": 1})", R"({"text": "a\u0000b"})"}) {
    INFO(body);
    CHECK(status_of_json(body) == 422);
  }
  for (const char* body : {"", " ", "{", "[]", "1", "{\"text\": \"\xff\"}", "{\"number\": 1e999}"}) {
    INFO(body);
    CHECK(status_of_json(body) == (*body == '\0' ? 200 : 400));
  }
  CHECK(status_of_json(std::string(100, '[') + std::string(100, ']')) == 400);
  CHECK(status_of_query("whole", "3") == 200);
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"whole", "3 "},
                                                                                    {"whole", ""},
                                                                                    {"whole", "99999999999999999999"},
                                                                                    {"number", "nan"},
                                                                                    {"number", "inf"},
                                                                                    {"number", "0x1"},
                                                                                    {"flag", "TRUE"},
                                                                                    {"numbers", "1,"},
                                                                                    {"numbers", ""},
                                                                                    {"photo", "x"},
                                                                                    {"nothing", "1"},
                                                                                    {"", ""}}) {
    INFO(name << "=" << value);
    CHECK(status_of_query(name, value) == 422);
  }
}

TEST_CASE("a field that is given twice is refused, but for lists of texts") {
  HttpRequest r;
  r.query.emplace("text", "a");
  r.query.emplace("text", "b");
  CHECK(status_of(r) == 422);
  HttpRequest lists;
  lists.query.emplace("texts", "a");
  lists.query.emplace("texts", "b");
  CHECK(status_of(lists) == 200);
}

TEST_CASE("a body of another type is refused") {
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=B"}) {
    CHECK(status_of(request(type, "x")) == 415);
  }
}

}  // namespace
}  // namespace sclip
