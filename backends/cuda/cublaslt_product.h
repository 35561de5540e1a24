// A matrix product of cuBLASLt for one number of rows, or a batch of them: what it computes, and the algorithms that
// can.
//
// cuBLASLt is column-major: y (rows, n) row-major is the column-major (n, rows), so y = x · Wᵀ + bias becomes D = op(W)
// · X with W as it lies in memory and the bias running down D's columns. A residual is C = D with β = 1.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/cuda/cublaslt_api.h"
#include "core/dtype.h"

namespace sclip {

struct CublasLtProductSpec {
  std::string name;  // for error messages
  int64_t rows = 0;
  int64_t inputs = 0;         // k
  int64_t outputs = 0;        // n
  int64_t weight_stride = 0;  // elements between the rows of W: (n, k), or (k, n) when `transposed`
  bool transposed = false;
  const void* bias = nullptr;  // (n) in `output`'s dtype, with scales in bf16; device memory; or null
  DType input = DType::kF32;   // of x and W
  DType output = DType::kF32;  // of y
  bool residual = false;       // y is added to
  float alpha = 1;             // the product's factor
  int64_t x_stride = 0;        // elements between rows; 0: contiguous
  int64_t y_stride = 0;
  int64_t batch = 1;
  int64_t weight_batch_stride = 0;  // elements from one matrix of the batch to the next; 0: one for all
  int64_t x_batch_stride = 0;
  int64_t y_batch_stride = 0;
  // Both given: x and W are E4M3, and y = alpha · x_scales[row] · weight_scales[column] · Σ … Device memory; `input` is
  // not looked at. cuBLAS 12.9 or newer, compute capability 9.0; k and n multiples of 16.
  const float* weight_scales = nullptr;  // (n)
  const float* x_scales = nullptr;       // (rows)
};

class CublasLtProduct {
 public:
  explicit CublasLtProduct(const CublasLtProductSpec& spec);

  // Bytes that pointers are multiples of.
  struct Alignments {
    uint32_t weight = 256;  // what the device's allocator gives
    uint32_t x = 256, y = 256;
    bool operator==(const Alignments&) const = default;
  };
  // At least 1 and at most `most`, the one that the heuristic holds for the best first. Throws kUnsupported when there
  // is none.
  std::vector<cublasLtMatmulAlgo_t> algorithms(cublasLtHandle_t blas, const Alignments& alignments,
                                               size_t workspace_bytes, int most) const;

  struct Memory {
    const void* weight;
    const void* x;
    void* y;
    void* workspace;
    size_t workspace_bytes;
  };
  void run(cublasLtHandle_t blas, const cublasLtMatmulAlgo_t& algorithm, const Memory& memory,
           cudaStream_t stream) const;

 private:
  std::string what() const;  // "fc1 (394 rows, 768 → 3072)"
  void set_scales();

  struct Destroy {
    void operator()(cublasLtMatmulDesc_t product) const { cublaslt().matmul_desc_destroy(product); }
    void operator()(cublasLtMatrixLayout_t layout) const { cublaslt().matrix_layout_destroy(layout); }
  };
  using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroy>;
  Layout make_layout(cudaDataType_t type, int64_t rows, int64_t cols, int64_t stride, int64_t batch_stride) const;
  template <typename T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value);

  CublasLtProductSpec spec_;
  std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroy> product_;
  Layout weight_, x_, y_;
};

}  // namespace sclip
