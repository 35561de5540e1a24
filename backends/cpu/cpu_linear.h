// CpuLinear: a weight matrix in oneDNN's blocked layout, and the product that reads it on a pool's threads.
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
  MatmulShape shape(int64_t rows) const;
  void multiply(const MatmulPlan& plan, const void* x, void* y, std::byte* scratch) const;

  std::string name_;
  Epilogue epilogue_;
  DType input_, output_;
  dnnl::engine engine_;
  MatmulPlans& plans_;
  AlignedBuffer<std::byte> weights_;
  dnnl::memory::desc layout_;  // of weights_
  AlignedBuffer<float> bias_;  // empty without a bias
};

}  // namespace sclip
