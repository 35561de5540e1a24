#include "server/http/http_error.h"

#include <algorithm>
#include <new>
#include <nlohmann/json.hpp>

namespace sclip {
namespace {

std::string snake_case(std::string_view words) {
  std::string out(words);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == ' ' || c == '/'; }, '_');
  return out;
}

}  // namespace

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:  // of a name that the request gives
    case ErrorCode::kUnsupported: return 422;
    case ErrorCode::kCorruptData: return 400;
    case ErrorCode::kOutOfMemory:
    case ErrorCode::kDevice: return 503;
    case ErrorCode::kCancelled: return kClientClosed;
    case ErrorCode::kIo:
    case ErrorCode::kInternal: return 500;
  }
  return 500;
}

HttpResponse error_response(int status, std::string_view code, std::string_view message,
                            const std::string& request_id) {
  const nlohmann::ordered_json body = {{"error", {{"code", code}, {"message", message}, {"request_id", request_id}}}};
  HttpResponse response;
  response.status = status;
  response.type = "application/json";
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  response.notes.code = code;
  return response;
}

void flatten_error(HttpResponse& response) {
  using Json = nlohmann::ordered_json;
  const Json error = Json::parse(response.body)["error"];
  const Json flat = {{"error", error["message"]}, {"code", error["code"]}, {"request_id", error["request_id"]}};
  response.body = flat.dump() + "\n";
}

HttpResponse error_response(const std::exception_ptr& error, const std::string& request_id) {
  try {
    std::rethrow_exception(error);
  } catch (const HttpError& e) {
    HttpResponse response = error_response(e.status(), e.code(), e.what(), request_id);
    if (e.retry_after()) response.headers.emplace_back("Retry-After", std::to_string(*e.retry_after()));
    for (const auto& header : e.headers()) response.headers.push_back(header);
    return response;
  } catch (const Error& e) {
    HttpResponse response = error_response(status_of(e.code()), snake_case(to_string(e.code())), e.what(), request_id);
    if (response.status == 503) response.headers.emplace_back("Retry-After", "5");
    return response;
  } catch (const std::bad_alloc&) {
    HttpResponse response =
        error_response(503, "out_of_memory", "there is not enough memory for this request now", request_id);
    response.headers.emplace_back("Retry-After", "5");
    return response;
  } catch (const std::exception& e) {
    return error_response(500, "internal", str("internal error: ", e.what()), request_id);
  }
}

}  // namespace sclip
