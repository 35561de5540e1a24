#include "backends/cuda/cuda_convert.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "backends/cuda/cuda_memory.h"

namespace sclip {
namespace {

// `tensor` as contiguous elements of `dtype`.
std::vector<std::byte> convert(const TensorView& tensor, DType dtype) {
  const auto count = static_cast<size_t>(tensor.shape.count());
  std::vector<std::byte> out(count * size_of(dtype));
  if (tensor.dtype == dtype) {
    std::memcpy(out.data(), tensor.data, out.size());
    return out;
  }
  std::vector<float> values(count);
  convert_to_f32(tensor.dtype, tensor.data, values.data(), count);
  if (dtype == DType::kF32) {
    std::memcpy(out.data(), values.data(), out.size());
    return out;
  }
  size_t too_large = 0;
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits = 0;
    if (dtype == DType::kBF16) {
      bits = to_bfloat16(values[i]).bits;
    } else {
      const Float16 half = to_float16(values[i]);
      too_large += std::isinf(to_float(half)) && !std::isinf(values[i]);
      bits = half.bits;
    }
    std::memcpy(out.data() + 2 * i, &bits, 2);
  }
  SCLIP_CHECK(too_large == 0, kUnsupported, too_large, " of ", count,
              " weights are larger than f16 can hold (65504); use precision bf16 or f32");
  return out;
}

std::unique_ptr<Memory> copy_bytes(const void* host, size_t bytes) {
  auto memory = std::make_unique<CudaMemory>(bytes);
  check_cuda(cudaMemcpy(memory->data(), host, bytes, cudaMemcpyHostToDevice), "copy ", bytes, " bytes to the device");
  return memory;
}

}  // namespace

std::unique_ptr<Memory> copy_to_device(const TensorView& tensor, DType dtype) {
  const auto bytes = static_cast<size_t>(tensor.shape.count()) * size_of(dtype);
  if (tensor.dtype == dtype) return copy_bytes(tensor.data, bytes);
  return copy_bytes(convert(tensor, dtype).data(), bytes);
}

std::unique_ptr<Memory> copy_rows_to_device(const TensorView& matrix, DType dtype, int64_t stride) {
  const int64_t rows = matrix.shape[0], cols = matrix.shape[1];
  if (cols == stride) return copy_to_device(matrix, dtype);
  const std::vector<std::byte> packed = convert(matrix, dtype);
  const auto from = static_cast<size_t>(cols) * size_of(dtype), to = static_cast<size_t>(stride) * size_of(dtype);
  std::vector<std::byte> padded(static_cast<size_t>(rows) * to);
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r)
    std::memcpy(padded.data() + r * to, packed.data() + r * from, from);
  return copy_bytes(padded.data(), padded.size());
}

}  // namespace sclip
