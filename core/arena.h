// ArenaPlan: offsets of buffers in one allocation, planned before it is made.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sclip {

class ArenaPlan {
 public:
  static constexpr size_t kAlignment = 64;

  // Offset of a new buffer, on a 64-byte boundary.
  size_t add(size_t bytes) {
    const size_t offset = total_;
    total_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return offset;
  }
  size_t total() const { return total_; }

 private:
  size_t total_ = 0;
};

}  // namespace sclip
