// What a CUtensorMap holds here. CUDA leaves its 128 bytes opaque; cuTensorMapEncodeTiled of runtime/tensor_map.cpp
// fills them, and sim/tensor_copy.cpp reads them.
#pragma once
#include <cstdint>
#include <cstring>

namespace cudasim {

enum class Swizzle : uint8_t { kNone, k128 };

struct TensorMap {
  static constexpr uint64_t kMagic = 0x70616d726f736e74;
  uint64_t magic = kMagic, checksum = 0;
  uint64_t address = 0;
  uint64_t extent[5] = {};        // elements, innermost first
  uint64_t stride[4] = {};        // bytes, of dimensions 1 …
  uint16_t box[5] = {};           // elements
  uint8_t rank = 0, element = 0;  // element: bytes
  bool is_f32 = false;
  Swizzle swizzle = Swizzle::kNone;
  uint8_t unused[2] = {};  // no padding, so that the checksum covers everything

  uint64_t sum() const {  // of all but itself; FNV-1a
    TensorMap copy = *this;
    copy.checksum = 0;
    uint8_t bytes[sizeof copy];
    std::memcpy(bytes, &copy, sizeof copy);
    uint64_t h = 0xcbf29ce484222325;
    for (const uint8_t b : bytes) h = (h ^ b) * 0x100000001b3;
    return h;
  }
  uint32_t inner_bytes() const { return uint32_t(box[0]) * element; }
  uint32_t box_bytes() const { return inner_bytes() * box[1]; }
};
static_assert(sizeof(TensorMap) <= 128);

// The 128-byte swizzle: 16-byte units of a row of 128 bytes change places by the row's number in a group of eight.
inline uint32_t swizzle_128(uint32_t address) {
  return address ^ (address >> 7 & 7) << 4;
}

}  // namespace cudasim
