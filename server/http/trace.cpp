#include "server/http/trace.h"

#include <sys/random.h>

#include <algorithm>

#include "sclip/error.h"

namespace sclip {
namespace {

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  });
}

RequestTrace make_trace(const std::string& request_id, const std::string& traceparent) {
  RequestTrace trace;
  trace.id = is_request_id(request_id) ? request_id : random_hex(8);
  // version "-" trace id "-" parent id "-" flags; later versions may add fields.
  const std::string_view t(traceparent);
  if (t.size() >= 55 && t[2] == '-' && t[35] == '-' && t[52] == '-' && is_hex(t.substr(0, 2)) &&
      t.substr(0, 2) != "ff" && is_hex(t.substr(3, 32)) && is_hex(t.substr(36, 16)) && is_hex(t.substr(53, 2)) &&
      !is_zero(t.substr(3, 32)) && !is_zero(t.substr(36, 16)) &&
      (t.size() == 55 || (t[55] == '-' && t.substr(0, 2) != "00"))) {
    trace.trace_id = t.substr(3, 32);
    trace.parent_id = t.substr(36, 16);
  }
  return trace;
}

std::string random_hex(size_t bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  unsigned char random[64];
  SCLIP_CHECK(bytes <= sizeof random && ::getrandom(random, bytes, 0) == static_cast<ssize_t>(bytes), kInternal,
              "the system gives no random numbers");
  std::string out;
  for (size_t i = 0; i < bytes; ++i) {
    out += kDigits[random[i] >> 4];
    out += kDigits[random[i] & 15];
  }
  return out;
}

}  // namespace sclip
