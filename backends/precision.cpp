#include "backends/backend.h"
#include "core/find_named.h"
#include "sclip/error.h"

namespace sclip {

Precision parse_precision(std::string_view name) {
  for (const Precision precision :
       {Precision::kAuto, Precision::kF32, Precision::kBF16, Precision::kF16, Precision::kFP8}) {
    if (to_string(precision) == name) return precision;
  }
  fail(ErrorCode::kInvalidArgument, "there is no precision '", name,
       "': ", name_advice(name, {"auto", "f32", "bf16", "f16", "fp8"}));
}

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::kAuto: return "auto";
    case Precision::kF32: return "f32";
    case Precision::kBF16: return "bf16";
    case Precision::kF16: return "f16";
    case Precision::kFP8: return "fp8";
  }
  return "?";
}

Precision precision_of(DType activation_dtype) {
  switch (activation_dtype) {
    case DType::kF32: return Precision::kF32;
    case DType::kBF16: return Precision::kBF16;
    case DType::kF16: return Precision::kF16;
    default: fail(ErrorCode::kInternal, "no backend computes with activations of ", to_string(activation_dtype));
  }
}

}  // namespace sclip
