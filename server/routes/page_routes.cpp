// The page for people: the files of server/page/, which are compiled into the program.
#include "server/page_files.h"
#include "server/routes/route.h"
#include "server/service.h"

namespace sclip {
namespace {

HttpResponse page(HttpRequest& request, const PageFile& file) {
  HttpResponse response;
  response.headers = {{"ETag", std::string(file.etag)},
                      {"Cache-Control", "no-cache"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      // Nothing from elsewhere; pictures that the page makes itself.
                      {"Content-Security-Policy",
                       "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; "
                       "form-action 'self'"}};
  if (request.header("If-None-Match") == file.etag) {
    response.status = 304;
    return response;
  }
  response.type = file.media_type;
  response.body = file.content;
  return response;
}

}  // namespace

std::vector<Route> page_routes() {
  std::vector<Route> routes;
  for (const PageFile& file : page_files()) {
    routes.push_back({.method = "GET",
                      .path = file.path,
                      .group = "page",
                      .summary = "The page for people",
                      .answers = {{200, "the file", {file.media_type.substr(0, file.media_type.find(';'))}},
                                  {304, "it is the one that the client has", {}}},
                      .open = true,
                      .handle = [&file](Service&, HttpRequest& request) { return page(request, file); }});
  }
  return routes;
}

}  // namespace sclip
