// Router: the table of all routes, and which of them a request means.
#pragma once

#include <string>
#include <vector>

#include "server/http/listener.h"
#include "server/routes/route.h"

namespace sclip {

class Router {
 public:
  explicit Router(Service& service);

  // Throws HttpError: 404, 405, 401, and what the route throws.
  HttpResponse answer(HttpRequest& request, const Listener::ReadBody& read_body) const;
  // The route's path, for counting; "other" where there is none.
  std::string name_of(const HttpRequest& request) const;

  const std::vector<Route>& routes() const { return routes_; }
  const std::string& openapi() const { return openapi_; }  // JSON

 private:
  // Whether the path is the route's; what stands for {…} goes to `value`.
  static bool fits(const Route& route, std::string_view path, std::string& value);

  Service& service_;
  std::vector<Route> routes_;
  std::string openapi_;
};

// The document of the routes, OpenAPI 3.1.
std::string make_openapi(const std::vector<Route>& routes, bool with_token);

}  // namespace sclip
