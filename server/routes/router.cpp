#include "server/routes/router.h"

#include <algorithm>
#include <new>

#include "server/http/http_error.h"
#include "server/service.h"

namespace sclip {

std::vector<int> errors_of(const Route& route) {
  std::vector<int> errors = {400, 413, 422, 431, 500};
  if (!route.open) errors.push_back(401);
  if (route.body != BodyKind::kNone) errors.insert(errors.end(), {408, 415, 503});
  if (route.body == BodyKind::kPhoto || route.body == BodyKind::kInference) {
    errors.insert(errors.end(), {404, 429, 503, 504});
  }
  if (route.path.find('{') != std::string_view::npos) errors.push_back(404);
  errors.insert(errors.end(), route.errors.begin(), route.errors.end());
  std::sort(errors.begin(), errors.end());
  errors.erase(std::unique(errors.begin(), errors.end()), errors.end());
  for (const RouteAnswer& answer : route.answers) std::erase(errors, answer.status);
  return errors;
}

HttpResponse json_response(const std::string& text, int status) {
  HttpResponse response;
  response.status = status;
  response.type = "application/json";
  response.body = text;
  return response;
}

Router::Router(Service& service) : service_(service) {
  for (auto* group : {health_routes, segment_routes, feature_routes, embed_routes, bank_routes, choice_routes,
                      inference_routes, page_routes}) {
    for (Route& route : group()) routes_.push_back(std::move(route));
  }
  openapi_ = make_openapi(routes_, service.token().wanted());
}

bool Router::fits(const Route& route, std::string_view path, std::string& value) {
  const std::string_view pattern = route.path;
  const size_t open = pattern.find('{');
  if (open == std::string_view::npos) return path == pattern;
  const std::string_view before = pattern.substr(0, open), after = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after)) return false;
  const std::string_view piece = path.substr(before.size(), path.size() - before.size() - after.size());
  if (piece.find('/') != std::string_view::npos) return false;
  value = piece;
  return true;
}

std::string Router::name_of(const HttpRequest& request) const {
  std::string value;
  for (const Route& route : routes_) {
    if (fits(route, request.path, value)) return std::string(route.path);
  }
  return "other";
}

HttpResponse Router::answer(HttpRequest& request, const Listener::ReadBody& read_body) const {
  const Route* found = nullptr;
  std::string allowed;
  for (const Route& route : routes_) {
    std::string value;
    if (!fits(route, request.path, value)) continue;
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method != request.method) continue;
    found = &route;
    request.path_value = value;
  }
  if (found == nullptr && allowed.empty()) {
    throw HttpError(404, "not_found", "nothing is served at this path: /openapi.json lists what is");
  }
  if (found == nullptr) {
    throw HttpError(405, "method_not_allowed", str("this path is served for ", allowed, " only"))
        .with_header("Allow", allowed);
  }
  if (!found->open && service_.token().wanted() && !service_.token().fits(request.header("Authorization"))) {
    throw HttpError(401, "unauthorized", "this service wants a token: send Authorization: Bearer TOKEN")
        .with_header("WWW-Authenticate", "Bearer");
  }
  try {
    if (found->body != BodyKind::kNone) read_body(service_.options().max_body_bytes);
    // JSON is held as text, as values, and as what they mean.
    if (request.media_type() == "application/json") request.memory.grow(2 * static_cast<int64_t>(request.body.size()));
    return found->handle(service_, request);
  } catch (const HttpError& error) {
    if (error.status() == 503 && error.code() == "out_of_memory") service_.metrics().refused("memory");
    throw;
  } catch (const std::bad_alloc&) {
    service_.metrics().refused("memory");
    throw;
  }
}

}  // namespace sclip
