// Structures that begin with struct_size: the caller's may be of an older header and end earlier.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "api/status.h"

namespace sclip::api {

// `first_size`: of the structure in the first header that had it.
template <typename Struct>
void check_size(size_t size, size_t first_size, const char* name) {
  static_assert(std::is_trivially_copyable_v<Struct>);
  SCLIP_CHECK(size >= first_size, kInvalidArgument, name, ": struct_size is ", size, ", and the smallest there was is ",
              first_size, ": fill the structure with ", name, "_init(…, sizeof(…))");
  SCLIP_CHECK(size <= sizeof(Struct), kUnsupported, name, ": struct_size is ", size, ", and this library knows ",
              sizeof(Struct), ": the program was built against a newer sclip; install that one, or build it anew");
}

// The whole structure, with `defaults` in what the caller's header did not have; `defaults` for NULL.
template <typename Struct>
Struct read_struct(const Struct* given, const Struct& defaults, size_t first_size, const char* name) {
  Struct out = defaults;
  if (given == nullptr) return out;
  check_size<Struct>(given->struct_size, first_size, name);
  std::memcpy(static_cast<void*>(&out), given, given->struct_size);
  return out;
}

// As much of `values` as the caller's structure of `size` bytes holds.
template <typename Struct>
void write_struct(Struct* to, Struct values, size_t size, size_t first_size, const char* name) {
  needed(to, name);
  check_size<Struct>(size, first_size, name);
  values.struct_size = size;
  std::memcpy(static_cast<void*>(to), &values, size);
}

}  // namespace sclip::api
