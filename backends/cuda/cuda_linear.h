// A Linear on cuBLASLt: weights on the device in the input's dtype, one plan per number of rows, made at first use.
//
// cuBLASLt is column-major: y (rows, n) row-major is the column-major (n, rows), so y = x · Wᵀ + bias becomes D = op(W)
// · X with W as it lies in memory and the bias running down D's columns. Bias and residual (C = D, beta = 1) are the
// product's epilogue. QuickGELU is not among cuBLASLt's epilogues: it and GELU follow as a kernel that adds the bias
// too, or cuDNN computes all three, where it is asked for.
#pragma once

#include <cublasLt.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "backends/backend.h"
#include "backends/cuda/cuda_device.h"
#include "backends/cuda/cudnn_mlp.h"

namespace sclip {

constexpr size_t kGemmWorkspace = size_t{32} << 20;  // what cuBLASLt asks for on Hopper

class CudaLinear : public Linear {
 public:
  // `cudnn`: null, or what computes layers in f16 and bf16 that end in QuickGELU.
  CudaLinear(const LinearSpec& spec, cublasLtHandle_t blas, bool tune, const Cudnn* cudnn = nullptr);
  ~CudaLinear() override;

  // `workspace`: kGemmWorkspace bytes of device memory that belong to `stream`.
  void run(const void* x, int64_t rows, void* y, void* workspace, cudaStream_t stream) const;

  // (n, k) in `dtype`, rows `weight_stride` elements apart, with zeros between; transposed: (k, n), contiguous.
  const void* weight() const { return weight_->data(); }
  int64_t weight_stride() const { return weight_stride_; }
  DType dtype() const { return input_; }

 private:
  struct Plan;
  const Plan& plan(int64_t rows, const void* x, void* y, void* workspace, cudaStream_t stream) const;
  void multiply(const Plan& plan, const cublasLtMatmulAlgo_t& algo, const void* x, void* y, void* workspace,
                cudaStream_t stream) const;

  std::string name_;
  cublasLtHandle_t blas_;
  bool tune_;
  bool transposed_;
  int64_t weight_stride_;
  Epilogue epilogue_;
  DType input_;
  DType output_;
  std::unique_ptr<Memory> weight_;
  std::unique_ptr<CudnnMlp> mlp_;  // or null: cuBLASLt
  std::unique_ptr<Memory> bias_;   // (n) in y's dtype, before an activation in f32; or null
  mutable std::mutex mutex_;
  // An algorithm may ask for aligned pointers, so that alignments, up to 256 bytes, are part of the key.
  struct PlanKey {
    int64_t rows;
    uint32_t x_alignment, y_alignment;
    auto operator<=>(const PlanKey&) const = default;
  };
  mutable std::map<PlanKey, std::unique_ptr<Plan>> plans_;
};

}  // namespace sclip
