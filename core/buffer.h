// AlignedBuffer: uninitialised host memory on a 64-byte boundary, owned.
//
// Large ones ask the kernel for huge pages: weights are streamed once a forward, and translating the addresses of
// 4 KiB pages costs a percent or two of it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "sclip/error.h"

namespace sclip {

// 64-byte aligned, to be freed with std::free. Throws kOutOfMemory.
void* allocate_aligned(size_t bytes);

template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t count) { resize_discard(count); }

  // Grows or shrinks; the content is lost. Keeps the allocation when it already suffices.
  void resize_discard(size_t count) {
    if (count > capacity_) {
      data_.reset();
      data_.reset(static_cast<T*>(allocate_aligned(count * sizeof(T))));
      capacity_ = count;
    }
    size_ = count;
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }
  T* begin() { return data_.get(); }
  T* end() { return data_.get() + size_; }
  const T* begin() const { return data_.get(); }
  const T* end() const { return data_.get() + size_; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T[], Free> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace sclip
