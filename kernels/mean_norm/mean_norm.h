// Mean length of rows: out[b] = (1 / rows) · Σ_r ‖x[b, r]‖.
//
// The temperature of GEM's self-self attention, one number a window: AttentionParams::window_scales takes it as it is.
// Every ‖x‖² must lie in the range of f32. NaN and infinities spread to their window's number.
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

struct MeanNormParams {
  const void* x = nullptr;    // (batch, rows, n) in dtype; rows contiguous, batches x_stride elements apart
  float* out = nullptr;       // (batch); no overlap with x
  DType dtype = DType::kF32;  // kF32 or kBF16; on CUDA also kF16
  int64_t batch = 1;
  int64_t rows = 0;      // ≥ 1
  int64_t cols = 0;      // n ≥ 1
  int64_t x_stride = 0;  // elements from one batch to the next; unused when batch = 1
};

// What all implementations ask of their arguments.
inline void check_params(const MeanNormParams& p) {
  check_float_dtype("mean_norm", p.dtype);
  SCLIP_CHECK(p.batch >= 0 && p.rows >= 1 && p.cols >= 1, kInvalidArgument, "mean_norm: ", p.batch, " × ", p.rows,
              " rows of ", p.cols, " columns: the mean of no rows is no number");
  SCLIP_CHECK(p.batch == 0 || (p.x != nullptr && p.out != nullptr), kInvalidArgument,
              "mean_norm: x and out must be given");
}

void mean_norm_cpu(const MeanNormParams& params, CpuQueue queue);
void mean_norm_cuda(const MeanNormParams& params, CudaQueue queue);

namespace ref {
void mean_norm(const MeanNormParams& params);  // f32 only; arithmetic in double
}

}  // namespace sclip
