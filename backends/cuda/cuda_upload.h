// Host tensors to device memory, converted on the way.
//
// cudaMemcpy from pageable memory returns once the bytes are staged: the device may not have them yet, and streams that
// do not block on the default one do not wait for them. So the copies go through a stream that is waited for, and
// whoever gets the memory may use it on any stream.
#pragma once

#include <memory>

#include "backends/cuda/cuda_memory.h"

namespace sclip {

// May be used by several threads at once.
class CudaUpload {
 public:
  explicit CudaUpload(int device);
  ~CudaUpload();
  CudaUpload(const CudaUpload&) = delete;
  CudaUpload& operator=(const CudaUpload&) = delete;

  // A copy of `tensor` (f32, f16 or bf16) in device memory as `dtype` (the same three), rounded to nearest even.
  // Values that f16 cannot hold are an error: the message says how many there are.
  std::unique_ptr<Memory> tensor(const TensorView& tensor, DType dtype) const;
  // The same for a matrix, its rows `stride` elements apart with zeros between.
  std::unique_ptr<Memory> rows(const TensorView& matrix, DType dtype, int64_t stride) const;
  // A matrix in E4M3 with a scale for each row: kernels/quantize_fp8.
  struct Fp8Rows {
    std::unique_ptr<Memory> codes;   // (rows, cols)
    std::unique_ptr<Memory> scales;  // (rows) f32
  };
  Fp8Rows fp8_rows(const TensorView& matrix) const;

 private:
  std::unique_ptr<Memory> bytes(const void* host, size_t bytes) const;

  int device_;
  cudaStream_t stream_ = nullptr;
};

}  // namespace sclip
