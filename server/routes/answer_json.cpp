#include "server/routes/answer_json.h"

#include <nlohmann/json.hpp>

#include "server/routes/route.h"

namespace sclip {
namespace {

HttpResponse dumped(const nlohmann::ordered_json& body, int indent, int status) {
  return json_response(body.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n", status);
}

}  // namespace

HttpResponse indented_answer(const nlohmann::ordered_json& body, int status) {
  return dumped(body, 2, status);
}
HttpResponse compact_answer(const nlohmann::ordered_json& body, int status) {
  return dumped(body, -1, status);
}

}  // namespace sclip
