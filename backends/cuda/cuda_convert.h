// Host tensors to device memory, converted on the way.
#pragma once

#include <memory>

#include "backends/backend.h"

namespace sclip {

// A copy of `tensor` (f32, f16 or bf16) in device memory as `dtype` (the same three), rounded to nearest even.
// Values that f16 cannot hold are an error: the message says how many there are.
std::unique_ptr<Memory> copy_to_device(const TensorView& tensor, DType dtype);
// The same for a matrix, its rows `stride` elements apart with zeros between.
std::unique_ptr<Memory> copy_rows_to_device(const TensorView& matrix, DType dtype, int64_t stride);

}  // namespace sclip
