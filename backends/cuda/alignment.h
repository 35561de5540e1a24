// How a pointer is aligned, for libraries whose plans depend on it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sclip {

// The largest power of two that divides the address, at most `most`.
inline int64_t alignment_of(const void* pointer, int64_t most) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  return std::min(most, static_cast<int64_t>(address & (~address + 1)));
}

}  // namespace sclip
