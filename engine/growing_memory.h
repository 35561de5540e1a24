// Backend memory that grows to the largest request so far and then stays.
#pragma once

#include <cstdint>
#include <memory>

#include "backends/backend.h"

namespace sclip {

class GrowingMemory {
 public:
  // At least `count` elements; the content of an earlier call is lost when it grows.
  template <typename T>
  T* get(const Backend& backend, int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    if (memory_ == nullptr || memory_->size() < bytes) {
      memory_.reset();
      memory_ = backend.allocate(bytes);
    }
    return static_cast<T*>(memory_->data());
  }

 private:
  std::unique_ptr<Memory> memory_;
};

}  // namespace sclip
