// Route: what is served at a path, in one row: the router serves by it, and /openapi.json is made of it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/message.h"
#include "server/routes/field_spec.h"

namespace sclip {

class Service;

enum class BodyKind : uint8_t {
  kNone,
  kJson,       // an object of the fields
  kPhoto,      // fields as JSON or as a form, or a bare picture with the fields behind the path's question mark
  kInference,  // the Open Inference Protocol's
};

struct RouteAnswer {
  int status;
  std::string_view meaning;
  std::vector<std::string_view> types;  // media types; none: no body
  std::string_view schema = {};         // JSON Schema of a JSON answer; empty: an object
};

struct Route {
  std::string_view method;  // GET, POST, DELETE
  std::string_view path;    // one piece of it may be {name}
  std::string_view group, summary;
  BodyKind body = BodyKind::kNone;
  std::vector<FieldSpec> fields = {};
  std::string_view example = {};  // a body of JSON; PHOTO stands for a small picture as Base64
  std::vector<RouteAnswer> answers;
  std::vector<int> errors = {};  // beside those that every route of its kind has
  bool open = false;             // to everybody, also where a token is wanted
  bool described = true;         // in /openapi.json
  std::function<HttpResponse(Service&, HttpRequest&)> handle;
};

// The statuses of errors that a route may answer.
std::vector<int> errors_of(const Route& route);

// A group's rows, a file each.
std::vector<Route> health_routes();
std::vector<Route> segment_routes();
std::vector<Route> feature_routes();
std::vector<Route> embed_routes();
std::vector<Route> bank_routes();
std::vector<Route> choice_routes();
std::vector<Route> inference_routes();
std::vector<Route> page_routes();

// An answer of JSON.
HttpResponse json_response(const std::string& text, int status = 200);

}  // namespace sclip
