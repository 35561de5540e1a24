// Layer norm over the last axis: y = (x − mean(x)) / sqrt(var(x) + eps) · gamma + beta.
//
// Statistics in f32 and in two passes: E[x²] − E[x]² loses every digit when the mean is large.
// The variance is the biased one, as in PyTorch.
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

struct LayerNormParams {
  const float* x = nullptr;      // (batch, rows, C); rows contiguous, batches x_stride elements apart
  void* y = nullptr;             // (batch, rows, C) in y_dtype; may be x itself when f32 and equally strided
  const float* gamma = nullptr;  // (C)
  const float* beta = nullptr;   // (C)
  DType y_dtype = DType::kF32;   // kF32 or kBF16; on CUDA also kF16
  int64_t batch = 1;
  int64_t rows = 0;
  int64_t cols = 0;      // C ≥ 1, any
  int64_t x_stride = 0;  // elements from one batch to the next in x
  int64_t y_stride = 0;  // the same in y
  float eps = 1e-5f;
};

// What all implementations ask of their arguments.
inline void check_params(const LayerNormParams& p) {
  check_float_dtype("layernorm", p.y_dtype);
  SCLIP_CHECK(p.batch >= 0 && p.rows >= 0 && p.cols >= 1 && p.eps >= 0, kInvalidArgument, "layernorm: ", p.batch, " × ",
              p.rows, " rows of ", p.cols, " columns with eps ", p.eps);
  SCLIP_CHECK(p.batch <= 1 || p.y_stride >= p.rows * p.cols, kInvalidArgument, "layernorm: batches of ", p.rows, " × ",
              p.cols, " would overlap in y, where they are ", p.y_stride, " elements apart");
  SCLIP_CHECK(p.batch * p.rows == 0 || (p.x != nullptr && p.y != nullptr && p.gamma != nullptr && p.beta != nullptr),
              kInvalidArgument, "layernorm: x, y, gamma and beta must be given");
  SCLIP_CHECK(
      p.x != p.y || p.batch * p.rows == 0 || (p.y_dtype == DType::kF32 && (p.batch <= 1 || p.x_stride == p.y_stride)),
      kInvalidArgument, "layernorm in place needs y in F32 and equal strides, not ", to_string(p.y_dtype), ", ",
      p.x_stride, " and ", p.y_stride);
}

void layernorm_cpu(const LayerNormParams& params, CpuQueue queue);
void layernorm_cuda(const LayerNormParams& params, CudaQueue queue);

namespace ref {
void layernorm(const LayerNormParams& params);  // f32 output only
}

}  // namespace sclip
