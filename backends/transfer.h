// Photos on their way to a backend, and results on their way back, without a copy where backend memory is host memory.
//
// Both keep the memory they needed for the next call, and belong to one thread.
#pragma once

#include <cstdint>
#include <cstring>

#include "backends/backend.h"
#include "backends/mirrored.h"
#include "sclip/image_view.h"

namespace sclip {

class PhotoUpload {
 public:
  // The photo as kernels of `stream` may read it. It is not needed after `stream.synchronize()`, on a device not after
  // this call.
  ImageView send(const Backend& backend, Stream& stream, const ImageView& photo) {
    if (backend.is_host()) return photo;
    bytes_.reserve(backend, photo.packed_bytes());
    pack_rows(photo, bytes_.host());
    bytes_.upload(stream);
    return photo.packed_at(bytes_.device());
  }
  uint64_t generation() const { return bytes_.generation(); }
  void trim() { bytes_.trim(); }

 private:
  Mirrored<uint8_t> bytes_;
};

// An array that kernels write and that ends up in memory of the caller's.
template <typename T>
class Delivery {
 public:
  // Where kernels write the `count` elements meant for `target`. What an earlier call was to deliver is dropped.
  T* begin(const Backend& backend, T* target, int64_t count) {
    target_ = target;
    count_ = count;
    on_device_ = !backend.is_host();
    if (!on_device_) return target;
    array_.reserve(backend, count);
    return array_.device();
  }
  // After the kernels; then, after `stream.synchronize()`, `finish`.
  void download(Stream& stream) const {
    if (on_device_ && count_ > 0) array_.download(stream);
  }
  void finish() {
    if (on_device_ && count_ > 0) std::memcpy(target_, array_.host(), static_cast<size_t>(count_) * sizeof(T));
    count_ = 0;
  }
  uint64_t generation() const { return array_.generation(); }
  void trim() { array_.trim(); }

 private:
  Mirrored<T> array_;
  T* target_ = nullptr;
  int64_t count_ = 0;
  bool on_device_ = false;
};

}  // namespace sclip
