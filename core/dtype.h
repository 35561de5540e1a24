// Element types and the scalar conversions between them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sclip {

enum class DType : uint8_t { kF32, kF16, kBF16, kU8, kU16, kI32, kI64 };

size_t size_of(DType dtype);
// Names as safetensors spells them: "F32", "F16", "BF16", "U8", "U16", "I32", "I64".
std::string_view to_string(DType dtype);
std::optional<DType> parse_dtype(std::string_view name);

// Storage only: arithmetic happens in f32.
struct BFloat16 {
  uint16_t bits = 0;
};
struct Float16 {
  uint16_t bits = 0;
};

inline float to_float(BFloat16 x) {
  return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16);
}

// Round to nearest, ties to even; NaN stays NaN.
inline BFloat16 to_bfloat16(float x) {
  const auto u = std::bit_cast<uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((u >> 16) | 0x40u)};
  return {static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

// Without branches, so that loops over it become vectors.
inline float to_float(Float16 x) {
  const uint32_t magnitude = x.bits & 0x7fffu;
  constexpr uint32_t kExponent = 112u << 23;  // f32's bias less f16's
  const uint32_t normal = (magnitude << 13) + kExponent;
  // 2^-14 · (1 + m / 1024) − 2^-14 = m · 2^-24, exactly.
  const float subnormal = std::bit_cast<float>((magnitude << 13) + (113u << 23)) - 0x1p-14f;
  uint32_t bits = magnitude < 0x400u ? std::bit_cast<uint32_t>(subnormal) : normal;
  bits += magnitude >= 0x7c00u ? kExponent : 0u;  // infinities and NaN
  return std::bit_cast<float>(bits | static_cast<uint32_t>(x.bits & 0x8000u) << 16);
}
Float16 to_float16(float x);

// Converts `count` elements of an f32, f16 or bf16 array to f32; `src` and `dst` do not overlap.
void convert_to_f32(DType dtype, const void* src, float* dst, size_t count);

}  // namespace sclip
