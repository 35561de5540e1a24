// CpuLinear: a weight matrix in oneDNN's blocked layout, and the matmul primitives that use it: one per row count and
// number of threads, since oneDNN divides the work when it makes a primitive.
#pragma once

#include <dnnl.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "backends/backend.h"
#include "core/buffer.h"

namespace sclip {

class CpuLinear : public Linear {
 public:
  CpuLinear(const LinearSpec& spec, const dnnl::engine& engine);

  struct Plan {
    dnnl::matmul primitive;
    dnnl::memory::desc source, destination;
    size_t scratch_bytes = 0;
  };
  // Made on the first call with this many rows; thread-safe. The plan lives as long as the object.
  const Plan& plan(int64_t rows) const;

  // `scratch` holds at least plan.scratch_bytes, 64-byte aligned.
  void run(const Plan& plan, dnnl::stream& stream, const void* x, void* y, void* scratch) const;

 private:
  dnnl::matmul::primitive_desc describe(int64_t rows, const dnnl::memory::desc& weights) const;

  std::string name_;
  Epilogue epilogue_;
  DType input_, output_;
  dnnl::engine engine_;
  AlignedBuffer<std::byte> weight_bytes_;
  dnnl::memory weights_;  // over weight_bytes_
  dnnl::memory bias_;     // empty without a bias
  mutable std::mutex mutex_;
  mutable std::map<std::pair<int64_t, int>, std::unique_ptr<const Plan>> plans_;  // by rows, threads
};

}  // namespace sclip
