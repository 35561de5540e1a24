// Mirrored: an array of the backend and its twin in host memory that the device copies from and to fastest. Where
// backend memory is host memory the two are one, and the copies are nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "backends/backend.h"

namespace sclip {

template <typename T>
class Mirrored {
 public:
  // Room for at least `count` elements. Grows to the largest request so far and then stays; what it held is lost when
  // it grows. What a stream still does with the old room must have ended.
  void reserve(const Backend& backend, int64_t count) {
    count_ = count;
    const size_t bytes = this->bytes();
    if (device_ != nullptr && device_->size() >= bytes) return;
    device_.reset();
    host_.reset();
    device_ = backend.allocate(bytes);
    if (!backend.is_host()) host_ = backend.allocate_host(bytes);
    ++generation_;
  }

  T* device() const { return device_ != nullptr ? static_cast<T*>(device_->data()) : nullptr; }
  T* host() const { return host_ != nullptr ? static_cast<T*>(host_->data()) : device(); }
  int64_t count() const { return count_; }

  // What `host` holds becomes what `device` holds; it may change after `stream.synchronize()`.
  void upload(Stream& stream) const {
    if (host_ != nullptr) stream.upload(device(), host(), bytes());
  }
  // What `device` holds is in `host` after `stream.synchronize()`.
  void download(Stream& stream) const {
    if (host_ != nullptr) stream.download(host(), device(), bytes());
  }

  // How often it grew: recordings that hold its address are void when this changes.
  uint64_t generation() const { return generation_; }
  // Gives the memory back.
  void trim() {
    if (device_ == nullptr) return;
    device_.reset();
    host_.reset();
    count_ = 0;
    ++generation_;
  }

 private:
  size_t bytes() const { return static_cast<size_t>(count_) * sizeof(T); }

  std::unique_ptr<Memory> device_, host_;  // host_: null where they are one
  int64_t count_ = 0;
  uint64_t generation_ = 0;
};

}  // namespace sclip
