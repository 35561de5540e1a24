// Unit rows: y = x / ‖x‖, no eps. A row of zeros stays zeros (x / 0 would be NaN): a text the model knows
// nothing about then has cosine 0 with everything instead of spoiling the softmax of its neighbours.
//
// ‖x‖ does not overflow or vanish while it is itself a normal f32. NaN and infinities spread over their row.
#pragma once

#include <cstdint>

#include "core/dtype.h"
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

void l2_normalize_cpu(const L2NormalizeParams& params, CpuQueue queue);
void l2_normalize_cuda(const L2NormalizeParams& params, CudaQueue queue);

namespace ref {
void l2_normalize(const L2NormalizeParams& params);  // any dtypes; arithmetic in double
}

}  // namespace sclip
