// How a request is found again: its id, and the trace it belongs to (W3C Trace Context).
#pragma once

#include <string>
#include <string_view>

namespace sclip {

struct RequestTrace {
  std::string id;         // the client's X-Request-Id, or one of ours
  std::string trace_id;   // of `traceparent`: 32 hexadecimal digits, or empty
  std::string parent_id;  // 16
};

// An id that a client may give: up to 128 letters, digits and ._-
bool is_request_id(std::string_view text);
RequestTrace make_trace(const std::string& request_id, const std::string& traceparent);

// Unpredictable: from the system's random numbers.
std::string random_hex(size_t bytes);

}  // namespace sclip
