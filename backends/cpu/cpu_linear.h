// CpuLinear: a weight matrix in oneDNN's blocked layout, and the product that reads it on a pool's threads.
//
// The threads divide the rows of y where there are many, so that each writes where its result belongs. Of a single
// window they divide the columns: each reads its own part of the weights only, and copies its result into place.
#pragma once

#include <dnnl.hpp>

#include <string>

#include "backends/backend.h"
#include "backends/cpu/matmul_plans.h"
#include "core/buffer.h"
#include "kernels/cpu/queue.h"

namespace sclip {

class CpuLinear : public Linear {
 public:
  // `plans` outlives the object; `pool` lays the weights out.
  CpuLinear(const LinearSpec& spec, const dnnl::engine& engine, MatmulPlans& plans, ThreadPool& pool);

  void run(const void* x, int64_t rows, void* y, CpuQueue queue) const;

 private:
  // Columns of the weights: a contiguous piece of them where oneDNN's blocks of columns lie one behind the other.
  struct Panel {
    dnnl::memory::desc layout;
    const std::byte* weights;
    const float* bias;  // or null
  };
  MatmulShape shape(int64_t rows) const;
  Panel panel(int64_t first, int64_t columns) const;
  int64_t panel_columns(int64_t rows, int64_t threads) const;  // that a thread takes; 0: the rows are divided
  void divide_rows(const void* x, int64_t rows, void* y, CpuQueue queue) const;
  void divide_columns(int64_t columns, const void* x, int64_t rows, void* y, CpuQueue queue) const;
  void multiply(const MatmulPlan& plan, const Panel& panel, const void* x, void* y, std::byte* scratch) const;
  // (rows, columns) into y's columns from `first` on; added to them before a residual.
  void place(const std::byte* part, int64_t rows, int64_t first, int64_t columns, void* y) const;

  std::string name_;
  Epilogue epilogue_;
  DType input_, output_;
  dnnl::engine engine_;
  MatmulPlans& plans_;
  AlignedBuffer<std::byte> weights_;
  dnnl::memory::desc layout_;  // of weights_
  int64_t column_block_ = 0;   // of the layout; 0: columns are not contiguous in it
  AlignedBuffer<float> bias_;  // empty without a bias
};

}  // namespace sclip
