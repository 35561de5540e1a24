// Errors as clients see them: a status, and {"error": {"code", "message", "request_id"}}.
#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "sclip/error.h"
#include "server/http/message.h"

namespace sclip {

// What a route throws where the library's codes do not say enough.
class HttpError : public std::runtime_error {
 public:
  HttpError(int status, std::string code, const std::string& message, std::optional<int> retry_after_seconds = {})
      : std::runtime_error(message), status_(status), code_(std::move(code)), retry_after_(retry_after_seconds) {}

  int status() const { return status_; }
  const std::string& code() const { return code_; }
  std::optional<int> retry_after() const { return retry_after_; }
  // Another header of the answer.
  HttpError&& with_header(std::string name, std::string value) && {
    headers_.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }
  const std::vector<std::pair<std::string, std::string>>& headers() const { return headers_; }

 private:
  int status_;
  std::string code_;
  std::optional<int> retry_after_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

// Nobody waits for the answer any more: the log says 499.
inline constexpr int kClientClosed = 499;

int status_of(ErrorCode code);

// The answer to an exception; what is no error of the client's names no inside.
// The Open Inference Protocol's shape: {"error": "message"}.
void flatten_error(HttpResponse& response);
HttpResponse error_response(const std::exception_ptr& error, const std::string& request_id);
HttpResponse error_response(int status, std::string_view code, std::string_view message, const std::string& request_id);

}  // namespace sclip
