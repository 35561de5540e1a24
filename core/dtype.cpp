#include "core/dtype.h"

#include <cstring>

#include "sclip/error.h"

namespace sclip {

size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32: return 4;
    case DType::kF16:
    case DType::kBF16:
    case DType::kU16: return 2;
    case DType::kU8: return 1;
    case DType::kI64: return 8;
  }
  return 0;
}

std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::kF32: return "F32";
    case DType::kF16: return "F16";
    case DType::kBF16: return "BF16";
    case DType::kU8: return "U8";
    case DType::kU16: return "U16";
    case DType::kI32: return "I32";
    case DType::kI64: return "I64";
  }
  return "?";
}

std::optional<DType> parse_dtype(std::string_view name) {
  for (DType d : {DType::kF32, DType::kF16, DType::kBF16, DType::kU8, DType::kU16, DType::kI32, DType::kI64}) {
    if (to_string(d) == name) return d;
  }
  return std::nullopt;
}

Float16 to_float16(float x) {
  const auto u = std::bit_cast<uint32_t>(x);
  const auto sign = static_cast<uint16_t>((u >> 16) & 0x8000u);
  const uint32_t a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return {static_cast<uint16_t>(sign | 0x7e00u)};
  if (a >= 0x477ff000u) return {static_cast<uint16_t>(sign | 0x7c00u)};  // rounds to 65536 or more
  if (a < 0x38800000u) {
    // Subnormal in f16: adding 0.5 aligns the mantissa so that the FPU rounds it to a multiple of 2^-24.
    const float aligned = std::bit_cast<float>(a) + 0.5f;
    return {static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(aligned) - 0x3f000000u))};
  }
  const uint32_t rounded = a + 0xfffu + ((a >> 13) & 1u) - 0x38000000u;
  return {static_cast<uint16_t>(sign | (rounded >> 13))};
}

void convert_to_f32(DType dtype, const void* src, float* dst, size_t count) {
  switch (dtype) {
    case DType::kF32: std::memcpy(dst, src, count * sizeof(float)); return;
    case DType::kF16: {
      const auto* s = static_cast<const Float16*>(src);
      for (size_t i = 0; i < count; ++i) dst[i] = to_float(s[i]);
      return;
    }
    case DType::kBF16: {
      const auto* s = static_cast<const BFloat16*>(src);
      for (size_t i = 0; i < count; ++i) dst[i] = to_float(s[i]);
      return;
    }
    default: fail(ErrorCode::kInternal, "convert_to_f32 takes F32, F16 or BF16, not ", to_string(dtype));
  }
}

}  // namespace sclip
