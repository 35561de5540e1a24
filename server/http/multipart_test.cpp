#include "server/http/multipart.h"

#include "server/http/http_error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

using Catch::Matchers::Contains;

std::string part(const std::string& headers, const std::string& content) {
  return "--B\r\n" + headers + "\r\n\r\n" + content + "\r\n";
}

const std::string kName = "Content-Disposition: form-data; name=\"a\"";

TEST_CASE("parts have names, types, and bytes of any kind") {
  const std::string bytes("\r\n--\0\xff--B\r\n", 12);
  const std::string body =
      "preamble\r\n" + part(kName, "text") +
      part("content-type: image/png\r\ncontent-disposition: form-data; filename=\"x;\\\"y.png\"; name=photo", bytes) +
      part("Content-Disposition: form-data; name=\"e\"", "") + "--B--\r\nepilogue";
  const auto parts = parse_multipart(body, "B");
  REQUIRE(parts.size() == 3);
  CHECK((parts[0].name == "a" && parts[0].content == "text" && parts[0].file_name.empty()));
  CHECK((parts[1].name == "photo" && parts[1].content == bytes && parts[1].type == "image/png"));
  CHECK(parts[1].file_name == "x;\"y.png");
  CHECK((parts[2].name == "e" && parts[2].content.empty()));
}

TEST_CASE("no parts are a form, too") {
  CHECK(parse_multipart("--B--", "B").empty());
  CHECK(parse_multipart("--B--\r\n", "B").empty());
}

TEST_CASE("what is no form is refused, saying why") {
  const auto refused = [](const std::string& body, const std::string& boundary, const char* why) {
    CHECK_THROWS_WITH(parse_multipart(body, boundary), Contains(why));
  };
  refused("", "B", "does not stand in it");
  refused("--C\r\n", "B", "does not stand in it");
  refused("--B--", "", "no boundary");
  refused("--B--", std::string(71, 'x'), "no boundary");
  refused("--Bx\r\n", "B", "line end");
  refused("--B\r\n" + kName, "B", "no end of its headers");
  refused("--B\r\n" + kName + "\r\n\r\nhalf", "B", "ends within part 1 ('a')");
  refused(part("Content-Type: text/plain", "x") + "--B--", "B", "no name");
  refused(part("no colon", "x") + "--B--", "B", "without a colon");
  refused("--B\r\n\r\nx\r\n--B--", "B", "no name");
  std::string many;
  for (size_t i = 0; i <= kMostParts; ++i) many += part(kName, "x");
  refused(many + "--B--", "B", "more than 256");
}

// Every beginning of a form is refused or a form: never read beyond.
TEST_CASE("a form cut anywhere is no accident") {
  const std::string body =
      part(kName, "text") + part("Content-Disposition: form-data; name=\"b\"", "more") + "--B--\r\n";
  for (size_t size = 0; size <= body.size(); ++size) {
    const std::string cut = body.substr(0, size);
    try {
      const size_t parts = parse_multipart(cut, "B").size();  // outside of CHECK, which keeps exceptions
      CHECK(parts == 2);
      CHECK(size >= body.size() - 2);
    } catch (const HttpError& error) {
      CHECK(error.status() == 400);
    }
  }
}

}  // namespace
}  // namespace sclip
