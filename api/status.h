// The end of every exception: a status, and a sentence for this thread.
#pragma once

#include <exception>
#include <string>

#include "sclip/error.h"
#include "sclip/sclip.h"

namespace sclip::api {

// A session that another thread is using: no ErrorCode, since the engine trusts its callers with that.
class Busy : public std::exception {
 public:
  const char* what() const noexcept override {
    return "another thread is using this session: a session has one thread at a time; make one for each thread, they "
           "share the engine";
  }
};

// From the exception in flight. Keeps its text for sclip_last_error.
sclip_status take_exception(const char* call) noexcept;

// Runs a call's body; whatever it throws becomes its status.
template <typename Body>
sclip_status guarded(const char* call, const Body& body) noexcept {
  try {
    body();
    return SCLIP_OK;
  } catch (...) {
    return take_exception(call);
  }
}

// For arguments that a call cannot do without.
template <typename T>
T& needed(T* pointer, const char* what) {
  SCLIP_CHECK(pointer != nullptr, kInvalidArgument, what, " is NULL");
  return *pointer;
}

inline const char* text(const char* pointer, const char* what) {
  return &needed(pointer, what);
}

}  // namespace sclip::api
