// Whether the service lives and is ready, what it counts, and what it serves.
#include <nlohmann/json.hpp>

#include "core/version.h"
#include "server/routes/answer_json.h"
#include "server/routes/route.h"
#include "server/routes/router.h"
#include "server/service.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

HttpResponse alive(Service&, HttpRequest&) {
  return json_response("{\"status\": \"alive\"}\n");
}

HttpResponse ready(Service& service, HttpRequest&) {
  const DeviceFacts& device = service.engine().device();
  const std::string_view status = service.draining()              ? "draining"
                                  : service.batcher().device_ok() ? "ready"
                                                                  : "the device failed";
  const Json body = {{"status", status},
                     {"device", device.name},
                     {"description", device.description},
                     {"precision", to_string(device.precision)},
                     {"model", service.engine().metadata().model},
                     {"version", version()},
                     {"windows_waiting", service.batcher().waiting()}};
  return indented_answer(body, service.ready() ? 200 : 503);
}

HttpResponse metrics(Service& service, HttpRequest&) {
  HttpResponse response;
  response.type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = service.metrics().text();
  return response;
}

HttpResponse trim(Service& service, HttpRequest&) {
  service.trim();
  const Json body = {{"resident_memory_bytes", resident_bytes()}};
  return indented_answer(body);
}

constexpr std::string_view kReady =
    R"({"type": "object", "required": ["status", "device", "precision", "model"],
        "properties": {"status": {"type": "string"}, "device": {"type": "string"}, "precision": {"type": "string"},
                       "model": {"type": "string"}}})";

}  // namespace

std::vector<Route> health_routes() {
  return {
      {.method = "GET",
       .path = "/healthz",
       .group = "service",
       .summary = "Whether the process lives",
       .answers = {{200, "it does", {"application/json"}}},
       .open = true,
       .handle = alive},
      {.method = "GET",
       .path = "/readyz",
       .group = "service",
       .summary = "Whether requests are computed, and on what",
       .answers = {{200, "they are", {"application/json"}, kReady},
                   {503, "the service drains, or the device failed", {"application/json"}, kReady}},
       .open = true,
       .handle = ready},
      {.method = "GET",
       .path = "/metrics",
       .group = "service",
       .summary = "Counters and histograms, in Prometheus' text form",
       .answers = {{200, "the series", {"text/plain"}}},
       .handle = metrics},
      {.method = "GET",
       .path = "/openapi.json",
       .group = "service",
       .summary = "This document",
       .answers = {{200, "OpenAPI 3.1", {"application/json"}}},
       .open = true,
       .handle = [](Service& service, HttpRequest&) { return json_response(service.router().openapi()); }},
      {.method = "POST",
       .path = "/v1/trim",
       .group = "service",
       .summary = "Gives memory back that is kept for later requests: features, embeddings of words, sessions' memory",
       .answers = {{200, "done", {"application/json"}}},
       .handle = trim},
  };
}

}  // namespace sclip
