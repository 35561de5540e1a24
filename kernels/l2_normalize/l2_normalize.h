// Unit rows: y = x / ‖x‖, no eps. A row of zeros stays zeros (x / 0 would be NaN): a text the model knows
// nothing about then has cosine 0 with everything instead of spoiling the softmax of its neighbours.
//
// ‖x‖ does not overflow or vanish while it is itself a normal f32. NaN and infinities spread over their row.
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

struct L2NormalizeParams {
  const void* x = nullptr;      // (batch, rows, n) in x_dtype; rows contiguous, batches x_stride elements apart
  void* y = nullptr;            // (batch, rows, n) in y_dtype; may be x itself when dtypes and strides agree
  DType x_dtype = DType::kF32;  // kF32 or kBF16; on CUDA also kF16
  DType y_dtype = DType::kF32;  // the same
  int64_t batch = 1;
  int64_t rows = 0;
  int64_t cols = 0;      // n ≥ 1
  int64_t x_stride = 0;  // elements from one batch to the next in x; unused when batch = 1
  int64_t y_stride = 0;  // the same in y
};

// What all implementations ask of their arguments.
inline void check_params(const L2NormalizeParams& p) {
  check_float_dtype("l2_normalize", p.x_dtype);
  check_float_dtype("l2_normalize", p.y_dtype);
  SCLIP_CHECK(p.batch >= 0 && p.rows >= 0 && p.cols >= 1, kInvalidArgument, "l2_normalize: ", p.batch, " × ", p.rows,
              " rows of ", p.cols, " columns");
  SCLIP_CHECK(p.batch <= 1 || p.y_stride >= p.rows * p.cols, kInvalidArgument, "l2_normalize: batches of ", p.rows,
              " × ", p.cols, " would overlap in y, where they are ", p.y_stride, " elements apart");
  SCLIP_CHECK(p.batch * p.rows == 0 || (p.x != nullptr && p.y != nullptr), kInvalidArgument,
              "l2_normalize: x and y must be given");
  SCLIP_CHECK(
      p.x != p.y || p.batch * p.rows == 0 || (p.x_dtype == p.y_dtype && (p.batch <= 1 || p.x_stride == p.y_stride)),
      kInvalidArgument, "l2_normalize in place needs equal dtypes and strides, not ", to_string(p.x_dtype), " and ",
      to_string(p.y_dtype), ", ", p.x_stride, " and ", p.y_stride);
}

void l2_normalize_cpu(const L2NormalizeParams& params, CpuQueue queue);
void l2_normalize_cuda(const L2NormalizeParams& params, CudaQueue queue);

namespace ref {
void l2_normalize(const L2NormalizeParams& params);  // any dtypes; arithmetic in double
}

}  // namespace sclip
