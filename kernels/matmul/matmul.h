// Products of activations with activations, a batch at a time:
//
//   C (batch, rows, cols) = alpha · A (batch, rows, depth) · B (batch, depth, cols)
//
// or, `transpose_b`, with B (batch, cols, depth). A weight matrix is a Linear instead: its layout is made once.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/cpu/queue.h"
#include "sclip/error.h"

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

// Row strides with nothing left out.
struct MatmulRowStrides {
  int64_t a, b, c;
};

inline MatmulRowStrides row_strides(const MatmulParams& p) {
  const auto or_contiguous = [](int64_t stride, int64_t width) { return stride != 0 ? stride : width; };
  return {or_contiguous(p.a_row_stride, p.depth), or_contiguous(p.b_row_stride, p.transpose_b ? p.depth : p.cols),
          or_contiguous(p.c_row_stride, p.cols)};
}

// What both implementations ask of their arguments.
inline void check_params(const MatmulParams& p) {
  const auto what = [&] {
    return str("matmul of ", p.batch, " × (", p.rows, ", ", p.depth, ") · ",
               p.transpose_b ? str("(", p.cols, ", ", p.depth, ")ᵀ") : str("(", p.depth, ", ", p.cols, ")"));
  };
  SCLIP_CHECK(p.batch >= 0 && p.rows >= 0 && p.cols >= 0 && p.depth > 0, kInvalidArgument, what(),
              ": sizes may not be negative, and the depth not 0");
  SCLIP_CHECK(p.out_dtype == DType::kF32 || p.out_dtype == p.dtype, kInvalidArgument, what(), " in ",
              to_string(p.dtype), " gives that or F32, not ", to_string(p.out_dtype));
  const MatmulRowStrides stride = row_strides(p);
  const int64_t b_width = p.transpose_b ? p.depth : p.cols;
  SCLIP_CHECK(stride.a >= p.depth && stride.b >= b_width && stride.c >= p.cols, kInvalidArgument, what(),
              ": rows of A, B and C lie ", stride.a, ", ", stride.b, " and ", stride.c, " elements apart and overlap");
  SCLIP_CHECK(p.a_batch_stride >= 0 && p.b_batch_stride >= 0, kInvalidArgument, what(), ": batch strides of ",
              p.a_batch_stride, " and ", p.b_batch_stride, " are negative");
  const int64_t c_span = p.rows > 0 ? (p.rows - 1) * stride.c + p.cols : 0;
  SCLIP_CHECK(p.batch <= 1 || p.c_batch_stride >= c_span, kInvalidArgument, what(), ": matrices of C lie ",
              p.c_batch_stride, " elements apart and span ", c_span);
}

void matmul_cpu(const MatmulParams& params, CpuQueue queue);

namespace ref {
void matmul(const MatmulParams& params);  // f32 only
}

}  // namespace sclip
