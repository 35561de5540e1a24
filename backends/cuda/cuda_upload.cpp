#include "backends/cuda/cuda_upload.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/quantize_fp8/quantize_fp8.h"

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

}  // namespace

CudaUpload::CudaUpload(int device) : device_(device) {
  const DeviceScope scope(device_);
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "make a stream");
}

CudaUpload::~CudaUpload() {
  const DeviceScope scope(device_, std::nothrow);
  cudaStreamDestroy(stream_);
}

std::unique_ptr<Memory> CudaUpload::bytes(const void* host, size_t bytes) const {
  auto memory = std::make_unique<CudaMemory>(device_, bytes);
  if (bytes == 0) return memory;
  const DeviceScope scope(device_);
  check_cuda(cudaMemcpyAsync(memory->data(), host, bytes, cudaMemcpyHostToDevice, stream_), "copy ", bytes,
             " bytes to the device");
  check_cuda(cudaStreamSynchronize(stream_), "finish copying ", bytes, " bytes to the device");
  return memory;
}

std::unique_ptr<Memory> CudaUpload::tensor(const TensorView& tensor, DType dtype) const {
  const auto count = static_cast<size_t>(tensor.shape.count()) * size_of(dtype);
  if (tensor.dtype == dtype) return bytes(tensor.data, count);
  return bytes(convert(tensor, dtype).data(), count);
}

std::unique_ptr<Memory> CudaUpload::rows(const TensorView& matrix, DType dtype, int64_t stride) const {
  const int64_t rows = matrix.shape[0], cols = matrix.shape[1];
  if (cols == stride) return tensor(matrix, dtype);
  const std::vector<std::byte> packed = convert(matrix, dtype);
  const auto from = static_cast<size_t>(cols) * size_of(dtype), to = static_cast<size_t>(stride) * size_of(dtype);
  std::vector<std::byte> padded(static_cast<size_t>(rows) * to);
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r)
    std::memcpy(padded.data() + r * to, packed.data() + r * from, from);
  return bytes(padded.data(), padded.size());
}

CudaUpload::Fp8Rows CudaUpload::fp8_rows(const TensorView& matrix) const {
  const int64_t rows = matrix.shape[0], cols = matrix.shape[1];
  std::vector<float> values(static_cast<size_t>(rows * cols)), scales(static_cast<size_t>(rows));
  convert_to_f32(matrix.dtype, matrix.data, values.data(), values.size());
  std::vector<uint8_t> codes(values.size());
  quantize_rows_on_host(values.data(), rows, cols, codes.data(), scales.data());
  return {bytes(codes.data(), codes.size()), bytes(scales.data(), scales.size() * sizeof(float))};
}

}  // namespace sclip
