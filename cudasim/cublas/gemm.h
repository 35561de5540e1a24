// One matrix product with its epilogue: what cuBLAS and cuBLASLt calls become. Checked when it is called, and its
// memory once more when the stream runs it.
#pragma once
#include <cublas_api.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <string>

namespace cudasim_blas {

struct Matrix {
  cudaDataType type = CUDA_R_32F;
  bool row_order = false;  // rows are contiguous, else columns
  int64_t rows = 0, cols = 0, ld = 0;
  int64_t batch = 1, stride = 0;  // elements from one matrix of the batch to the next
  int64_t elements() const;       // from the first to behind the last one, all batches
};

enum class Rounding : uint8_t { kNone, kTf32, kHalf, kBfloat };  // of f32 operands, as tensor cores take them

struct Gemm {
  const char* call = "";
  Matrix a, b, c, d;
  bool trans_a = false, trans_b = false;
  Rounding rounding = Rounding::kNone;
  const void *pa = nullptr, *pb = nullptr, *pc = nullptr;
  void* pd = nullptr;
  float alpha = 1, beta = 0;
  const float *device_alpha = nullptr, *device_beta = nullptr;  // instead of the values, when not null
  bool bias = false, relu = false, gelu = false;
  const void* pbias = nullptr;
  cudaDataType bias_type = CUDA_R_32F;
  int64_t bias_stride = 0;
  // Of E4M3 operands: m and n factors of the product's rows and columns, on the device.
  const float *scale_a = nullptr, *scale_b = nullptr;
  void* workspace = nullptr;
  size_t workspace_bytes = 0;  // what the product may overwrite
  int64_t m() const { return d.rows; }
  int64_t n() const { return d.cols; }
  int64_t k() const { return trans_a ? a.rows : a.cols; }
};

// The first thing wrong with shapes, leading dimensions or types as a sentence; empty: nothing.
std::string shape_fault(const Gemm& g);
std::string type_fault(const Gemm& g);
// Checks the memory, then queues the product on the stream.
cublasStatus_t enqueue_gemm(const Gemm& g, cudaStream_t stream);

// Says on stderr why a call fails, and returns the status that the real library returns.
cublasStatus_t refuse(cublasStatus_t status, const char* call, const std::string& sentence);
// The real library does this, the stand-in does not: a finding.
cublasStatus_t unsupported(const char* call, const std::string& what);

}  // namespace cudasim_blas
