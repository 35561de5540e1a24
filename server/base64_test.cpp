#include "server/base64.h"

#include "tests/catch.h"

namespace sclip {
namespace {

std::string encoded(std::string_view text) {
  return encode_base64(std::as_bytes(std::span(text)));
}

// RFC 4648, section 10.
TEST_CASE("the vectors of the RFC") {
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [text, code] : vectors) {
    CHECK(encoded(text) == code);
    CHECK(decode_base64(code) == text);
    CHECK(decode_base64(code.substr(0, code.find('='))) == text);
  }
  CHECK(decode_base64("Zm9v\r\nYmFy\n") == "foobar");
}

TEST_CASE("all bytes come back") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(decode_base64(encoded(all)) == all);
}

TEST_CASE("what is not Base64 is none") {
  for (const char* text : {"Z", "Zm9vY", "Zm9-", "Z=m9", "Zm 9v", "\xff\xff\xff\xff"})
    CHECK_FALSE(decode_base64(text).has_value());
}

}  // namespace
}  // namespace sclip
