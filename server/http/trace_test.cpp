#include "server/http/trace.h"

#include "server/http/message.h"
#include "tests/catch.h"

namespace sclip {
namespace {

// The example of the W3C's recommendation.
const std::string kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST_CASE("a trace is taken from traceparent") {
  const RequestTrace trace = make_trace("mine-1", kParent);
  CHECK(trace.id == "mine-1");
  CHECK(trace.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(trace.parent_id == "00f067aa0ba902b7");
  CHECK(make_trace("", "01" + kParent.substr(2) + "-more").trace_id == trace.trace_id);  // a later version
}

TEST_CASE("what is no traceparent is left out") {
  for (std::string wrong :
       {std::string(), kParent.substr(1), kParent + "-more", "ff" + kParent.substr(2), kParent.substr(0, 54) + "g",
        "00-" + std::string(32, '0') + kParent.substr(35), kParent.substr(0, 36) + std::string(16, '0') + "-01"}) {
    CHECK(make_trace("", wrong).trace_id.empty());
  }
}

TEST_CASE("an id that could break a header or a log is not taken over") {
  for (const char* id : {"", "a b", "a\r\nX: y", "\"", "é"}) {
    const std::string made = make_trace(id, "").id;
    CHECK((made.size() == 16 && made.find_first_not_of("0123456789abcdef") == std::string::npos));
  }
  CHECK(make_trace(std::string(129, 'a'), "").id.size() == 16);
  CHECK(make_trace("", "").id != make_trace("", "").id);
}

TEST_CASE("parameters of media types") {
  const std::string header = "multipart/form-data; a=1; Boundary=\"x; y\\\"z\" ; c = d";
  CHECK(media_parameter(header, "boundary") == "x; y\"z");
  CHECK(media_parameter(header, "a") == "1");
  CHECK(media_parameter(header, "c") == "d");
  CHECK(media_parameter(header, "e").empty());
  for (const char* odd : {"", ";", ";;", "a;b", "a; b=\"", "a; =", "a; b=\"\\"})
    CHECK(media_parameter(odd, "x").empty());
}

}  // namespace
}  // namespace sclip
