// The MLP's activation with the bias of the product before it: y = f(x + bias).
//
//   quick  z · σ(1.702 z)      erf  z · (1 + erf(z / √2)) / 2
//
// On the CPU it is part of the matrix product (oneDNN); cuBLASLt has no QuickGELU, so CUDA runs it as a kernel.
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cuda/queue.h"

namespace sclip {

enum class GeluForm : uint8_t { kQuick, kErf };

struct GeluParams {
  const void* x = nullptr;      // (M, n) in dtype
  void* y = nullptr;            // (M, n) in dtype; may be x itself
  const float* bias = nullptr;  // (n), or null
  DType dtype = DType::kF32;    // kF32, kF16 or kBF16; arithmetic in f32
  GeluForm form = GeluForm::kQuick;
  int64_t rows = 0;  // M
  int64_t cols = 0;  // n
};

// What all implementations ask of their arguments.
inline void check_params(const GeluParams& p) {
  check_float_dtype("gelu", p.dtype);
  SCLIP_CHECK(p.rows >= 0 && p.cols >= 1, kInvalidArgument, "gelu: ", p.rows, " rows of ", p.cols, " columns");
  SCLIP_CHECK(p.rows == 0 || (p.x != nullptr && p.y != nullptr), kInvalidArgument, "gelu: x and y must be given");
}

void gelu_cuda(const GeluParams& params, CudaQueue queue);

namespace ref {
void gelu(const GeluParams& params);  // f32 only
}

}  // namespace sclip
