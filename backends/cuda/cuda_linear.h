// A Linear on cuBLASLt: weights on the device in the input's dtype, and a plan for each of the latest numbers of rows.
//
// Bias and residual are the product's epilogue. QuickGELU is not among cuBLASLt's epilogues: it and GELU follow as a
// kernel that adds the bias too, or cuDNN computes all three, where it is asked for.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/cuda/cublaslt_product.h"
#include "backends/cuda/cuda_gemm.h"
#include "backends/plan_cache.h"
#include "kernels/cuda/queue.h"

namespace sclip {

constexpr size_t kGemmWorkspace = size_t{32} << 20;  // what cuBLASLt asks for on Hopper

class CudaLinear : public Linear {
 public:
  CudaLinear(const LinearSpec& spec, std::shared_ptr<CudaGemm> gemm);
  ~CudaLinear() override;

  // `workspace`: kGemmWorkspace bytes of device memory that belong to the queue's stream. The device is current.
  // Returns the plan that the call uses, for a recording to keep.
  std::shared_ptr<const void> run(const void* x, int64_t rows, void* y, void* workspace, const CudaQueue& queue) const;

  // (n, k) in `dtype`, rows `weight_stride` elements apart, with zeros between; transposed: (k, n), contiguous.
  const void* weight() const { return weight_->data(); }
  int64_t weight_stride() const { return weight_stride_; }
  DType dtype() const { return input_; }

  // Any thread, at any time.
  void drop_plans() const;

 private:
  // An algorithm may ask for aligned pointers, so that alignments, up to 256 bytes, are part of the key.
  struct PlanKey {
    int64_t rows;
    uint32_t x_alignment, y_alignment;
    bool operator==(const PlanKey&) const = default;
  };
  struct Plan {
    CublasLtProduct product;
    cublasLtMatmulAlgo_t algorithm{};
  };
  std::shared_ptr<const Plan> make_plan(const PlanKey& key, const CublasLtProduct::Memory& memory,
                                        cudaStream_t stream) const;

  std::string name_;
  std::shared_ptr<CudaGemm> gemm_;
  bool transposed_;
  int64_t weight_stride_;
  Epilogue epilogue_;
  DType input_;
  DType output_;
  std::unique_ptr<Memory> weight_;
  std::unique_ptr<CudnnMlp> mlp_;  // or null: cuBLASLt
  std::unique_ptr<Memory> bias_;   // (n) in y's dtype, before an activation in f32; or null
  mutable PlanCache<PlanKey, Plan> plans_;
};

}  // namespace sclip
