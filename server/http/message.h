// A request and its answer, as routes see them: nothing here knows how they travel.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http/trace.h"
#include "server/memory_budget.h"

namespace sclip {

struct IgnoreCase {
  bool operator()(std::string_view a, std::string_view b) const;
  using is_transparent = void;
};
using HttpFields = std::multimap<std::string, std::string, IgnoreCase>;

struct HttpRequest {
  std::string method;                             // "GET" for HEAD, too
  std::string path;                               // decoded, without the query
  std::multimap<std::string, std::string> query;  // decoded
  HttpFields headers;
  std::string peer;  // address
  RequestTrace trace;
  std::string path_value;  // what stands for {…} of the route's path
  std::string body;        // once the router has read it
  MemoryLease memory;      // what body, picture and results take
  std::function<bool()> peer_gone = [] { return false; };

  std::string header(std::string_view name) const;  // the first; empty: none
  std::string media_type() const;                   // of the body, in lower case, without parameters
  std::string media_parameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string type;  // media type of the body
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;

  // For the log: what the request took.
  struct Notes {
    std::string code;  // of an error
    size_t bytes = 0;  // of the body
    int64_t windows = 0;
    int64_t batch_windows = 0;
    double queue_seconds = 0, compute_seconds = 0;
  } notes;
};

// Without the blanks and tabs around it.
std::string_view trimmed(std::string_view text);
// Equal but for the case of A to Z.
bool same_name(std::string_view a, std::string_view b);
// The value of a media type's parameter, as in `multipart/form-data; boundary="x"`.
std::string media_parameter(std::string_view header, std::string_view name);

}  // namespace sclip
