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

float to_float(Float16 x);
Float16 to_float16(float x);

// Converts `count` elements of an f32, f16 or bf16 array to f32; `src` and `dst` do not overlap.
void convert_to_f32(DType dtype, const void* src, float* dst, size_t count);

}  // namespace sclip
