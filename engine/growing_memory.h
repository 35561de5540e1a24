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
    return static_cast<T*>(grow(bytes, [&] { return backend.allocate(bytes); }));
  }
  // The same in host memory that the backend copies from and to fastest.
  template <typename T>
  T* get_host(const Backend& backend, int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    return static_cast<T*>(grow(bytes, [&] { return backend.allocate_host(bytes); }));
  }
  // Gives the memory back.
  void trim() {
    if (memory_ != nullptr) ++generation_;
    memory_.reset();
  }
  // How often it grew: recordings that hold its address are void when this changes.
  uint64_t generation() const { return generation_; }

 private:
  template <typename Allocate>
  void* grow(size_t bytes, const Allocate& allocate) {
    if (memory_ == nullptr || memory_->size() < bytes) {
      memory_.reset();
      memory_ = allocate();
      ++generation_;
    }
    return memory_->data();
  }

  std::unique_ptr<Memory> memory_;
  uint64_t generation_ = 0;
};

}  // namespace sclip
