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
                      // Nothing from elsewhere, and no code or style but these files'; pictures that the page makes
                      // itself.
                      {"Content-Security-Policy",
                       "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                       "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                       "require-trusted-types-for 'script'; trusted-types 'none'"}};
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
                      .described = file.path == "/",  // its parts are nobody else's
                      .handle = [&file](Service&, HttpRequest& request) { return page(request, file); }});
  }
  return routes;
}

}  // namespace sclip
