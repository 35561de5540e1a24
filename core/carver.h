// Carver: lays arrays one behind another in a block of memory. The same sequence of `take` without a block tells how
// large it must be.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sclip {

class Carver {
 public:
  // Arrays begin at multiples of 128 bytes from `block`, which may be null.
  explicit Carver(void* block) : block_(static_cast<std::byte*>(block)) {}

  // Null without a block.
  template <typename T>
  T* take(int64_t count) {
    T* array = block_ == nullptr ? nullptr : reinterpret_cast<T*>(block_ + bytes_);
    bytes_ += (static_cast<size_t>(count) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return array;
  }
  template <typename T>
  void take(T*& array, int64_t count) {
    array = take<T>(count);
  }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kAlignment = 128;
  std::byte* block_;
  size_t bytes_ = 0;
};

}  // namespace sclip
