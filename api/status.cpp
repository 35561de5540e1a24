#include "api/status.h"

#include <new>

#include "core/version.h"

namespace sclip::api {
namespace {

// A sentence may be lost when there is no memory for it; the status is not.
thread_local std::string last_error;
thread_local const char* last_text = "";

sclip_status status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return SCLIP_INVALID_ARGUMENT;
    case ErrorCode::kNotFound: return SCLIP_NOT_FOUND;
    case ErrorCode::kCorruptData: return SCLIP_CORRUPT_DATA;
    case ErrorCode::kUnsupported: return SCLIP_UNSUPPORTED;
    case ErrorCode::kOutOfMemory: return SCLIP_OUT_OF_MEMORY;
    case ErrorCode::kIo: return SCLIP_IO;
    case ErrorCode::kDevice: return SCLIP_DEVICE;
    case ErrorCode::kCancelled: return SCLIP_CANCELLED;
    case ErrorCode::kInternal: break;
  }
  return SCLIP_INTERNAL;
}

void keep(const char* call, const char* text) noexcept {
  try {
    last_error = str(call, ": ", text);
    last_text = last_error.c_str();
  } catch (...) {
    last_text = "out of memory";
  }
}

}  // namespace

sclip_status take_exception(const char* call) noexcept {
  try {
    throw;
  } catch (const Error& error) {
    keep(call, error.what());
    return status_of(error.code());
  } catch (const Busy& busy) {
    keep(call, busy.what());
    return SCLIP_BUSY;
  } catch (const std::bad_alloc&) {
    keep(call, "out of memory");
    return SCLIP_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    keep(call, error.what());
    return SCLIP_INTERNAL;
  } catch (...) {
    keep(call, "an exception of an unknown kind");
    return SCLIP_INTERNAL;
  }
}

}  // namespace sclip::api

const char* sclip_last_error(void) {
  return sclip::api::last_text;
}

const char* sclip_status_name(sclip_status status) {
  switch (status) {
    case SCLIP_OK: return "ok";
    case SCLIP_INVALID_ARGUMENT: return "invalid argument";
    case SCLIP_NOT_FOUND: return "not found";
    case SCLIP_CORRUPT_DATA: return "corrupt data";
    case SCLIP_UNSUPPORTED: return "unsupported";
    case SCLIP_OUT_OF_MEMORY: return "out of memory";
    case SCLIP_IO: return "input or output";
    case SCLIP_DEVICE: return "device";
    case SCLIP_CANCELLED: return "cancelled";
    case SCLIP_INTERNAL: return "internal error";
    case SCLIP_BUSY: return "busy";
    default: return "unknown status";
  }
}
