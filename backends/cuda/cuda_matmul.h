// Batched products of activations on cuBLASLt, with a plan for each of a stream's latest shapes.
//
// Row-major C = A · B is what cublaslt_product.h computes with A as x and B as W: (depth, cols) is W "transposed".
#pragma once

#include <memory>

#include "backends/cuda/cublaslt_product.h"
#include "backends/cuda/cuda_gemm.h"
#include "backends/plan_cache.h"
#include "kernels/cuda/queue.h"
#include "kernels/matmul/matmul.h"

namespace sclip {

class CudaMatmul {
 public:
  explicit CudaMatmul(std::shared_ptr<CudaGemm> gemm) : gemm_(std::move(gemm)) {}

  // `workspace`: kGemmWorkspace bytes of device memory that belong to the queue's stream. The device is current.
  // Returns the plan that the call uses, for a recording to keep.
  std::shared_ptr<const void> run(const MatmulParams& params, void* workspace, const CudaQueue& queue);
  void drop_plans() { plans_.clear(); }

 private:
  struct Key {
    DType dtype, out_dtype;
    bool transpose_b;
    int64_t batch, rows, cols, depth;
    int64_t a_batch_stride, b_batch_stride, c_batch_stride, a_row_stride, b_row_stride, c_row_stride;
    float alpha;
    CublasLtProduct::Alignments alignments;
    bool operator==(const Key&) const = default;
  };
  struct Plan {
    CublasLtProduct product;
    cublasLtMatmulAlgo_t algorithm{};
  };
  std::shared_ptr<const Plan> make_plan(const Key& key) const;

  std::shared_ptr<CudaGemm> gemm_;
  PlanCache<Key, Plan> plans_;
};

}  // namespace sclip
