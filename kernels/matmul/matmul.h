// Products of activations with activations, a batch at a time:
//
//   C (batch, rows, cols) = alpha · A (batch, rows, depth) · B (batch, depth, cols)
//
// or, `transpose_b`, with B (batch, cols, depth). A weight matrix is a Linear instead: its layout is made once.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace sclip {

struct MatmulParams {
  const void* a = nullptr;        // in dtype
  const void* b = nullptr;        // in dtype
  void* c = nullptr;              // in out_dtype; no overlap with a and b
  DType dtype = DType::kF32;      // kF32 or kBF16, on CUDA also kF16; sums are in f32
  DType out_dtype = DType::kF32;  // kF32 or dtype
  bool transpose_b = false;
  int64_t batch = 1;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t depth = 0;  // ≥ 1
  // Elements from one matrix of the batch to the next. 0: one matrix for all, which C cannot be.
  int64_t a_batch_stride = 0;
  int64_t b_batch_stride = 0;
  int64_t c_batch_stride = 0;
  // Elements from one row to the next as the matrix lies in memory. 0: contiguous.
  int64_t a_row_stride = 0;
  int64_t b_row_stride = 0;
  int64_t c_row_stride = 0;
  float alpha = 1.0f;
};

void matmul_cpu(const MatmulParams& params);

namespace ref {
void matmul(const MatmulParams& params);  // f32 only
}

}  // namespace sclip
