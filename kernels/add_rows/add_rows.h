// Weighted sums of rows: y = x_weight · x + y_weight · y, rows of C floats of each window.
//
// One row of x for a window may serve all of its rows: the class token's. With y_weight 0 y is not read, so that this
// also copies rows out of a stream with class tokens between them.
#pragma once

#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip {

struct AddRowsParams {
  const float* x = nullptr;  // (batch, rows, C), or (batch, C) with `broadcast`; no overlap with y
  float* y = nullptr;        // (batch, rows, C)
  int64_t batch = 1;
  int64_t rows = 0;
  int64_t cols = 0;        // C ≥ 1
  int64_t x_stride = 0;    // floats from one window to the next in x; unused when batch = 1
  int64_t y_stride = 0;    // the same in y
  bool broadcast = false;  // the window's only row of x for every row of y
  float x_weight = 1.0f;
  float y_weight = 1.0f;
};

// What both implementations ask of their arguments.
inline void check_params(const AddRowsParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.rows >= 0 && p.cols >= 1, kInvalidArgument, "add_rows: ", p.batch, " × ", p.rows,
              " rows of ", p.cols, " columns");
  SCLIP_CHECK(p.batch * p.rows == 0 || (p.x != nullptr && p.y != nullptr), kInvalidArgument,
              "add_rows: x and y must be given");
  SCLIP_CHECK(p.batch <= 1 || (p.y_stride >= p.rows * p.cols && p.x_stride >= 0), kInvalidArgument,
              "add_rows: windows of ", p.rows, " × ", p.cols, " would overlap in y, where they are ", p.y_stride,
              " floats apart, or run backwards in x, where they are ", p.x_stride);
}

void add_rows_cpu(const AddRowsParams& params, CpuQueue queue);
void add_rows_cuda(const AddRowsParams& params, CudaQueue queue);

namespace ref {
void add_rows(const AddRowsParams& params);
}

}  // namespace sclip
