// Errors of the library: one exception type with a code and a sentence for the person who must act.
//
// The library throws `sclip::Error` and nothing else of its own; it neither prints nor aborts.
// The message names what failed, where, the values seen, and what to do.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace sclip {

enum class ErrorCode {
  kInvalidArgument,  // the caller passed something that can never work
  kNotFound,         // a file, class, tensor or device that is not there
  kCorruptData,      // a file whose content contradicts its format
  kUnsupported,      // valid, but not something this build or machine can do
  kOutOfMemory,
  kIo,         // the operating system refused a read or a write
  kDevice,     // an accelerator reported an error
  kCancelled,  // the user asked to stop
  kInternal,   // a broken invariant of the library itself: a bug
};

std::string_view to_string(ErrorCode code);

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

// Concatenates its arguments through an ostringstream: str("K = ", k, " classes").
template <typename... Args>
std::string str(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return std::move(out).str();
}

template <typename... Args>
[[noreturn]] void fail(ErrorCode code, const Args&... args) {
  throw Error(code, str(args...));
}

}  // namespace sclip

// Preconditions: SCLIP_CHECK(k > 0, kInvalidArgument, "no classes: give at least one name");
#define SCLIP_CHECK(condition, code, ...)                                   \
  do {                                                                      \
    if (!(condition)) ::sclip::fail(::sclip::ErrorCode::code, __VA_ARGS__); \
  } while (false)
