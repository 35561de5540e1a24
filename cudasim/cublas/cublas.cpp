// libcublas: handles and the plain matrix products.
#include <cublas_v2.h>

#include <string>

#include "cublas/gemm.h"
#include "cublas/number.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim_blas;

struct cublasContext {
  cudaStream_t stream = nullptr;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
  cublasPointerMode_t pointers = CUBLAS_POINTER_MODE_HOST;
  cublasAtomicsMode_t atomics = CUBLAS_ATOMICS_NOT_ALLOWED;
};

namespace {

struct Operand {
  const void* p;
  cudaDataType type;
  int64_t ld, stride;
};

cublasStatus_t gemm(const char* call, cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int64_t m,
                    int64_t n, int64_t k, const void* alpha, Operand a, Operand b, const void* beta, Operand c,
                    int64_t batch, cublasComputeType_t compute) {
  if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (m < 0 || n < 0 || k < 0 || batch < 0)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "m, n, k or the batch count is negative.");
  if (!alpha || !beta) return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "alpha or beta is null.");
  Gemm g;
  g.call = call;
  switch (compute) {
    case CUBLAS_COMPUTE_32F:
      g.rounding = h->math & CUBLAS_TF32_TENSOR_OP_MATH ? Rounding::kTf32 : Rounding::kNone;
      break;
    case CUBLAS_COMPUTE_32F_PEDANTIC: break;
    case CUBLAS_COMPUTE_32F_FAST_TF32: g.rounding = Rounding::kTf32; break;
    case CUBLAS_COMPUTE_32F_FAST_16F: g.rounding = Rounding::kHalf; break;
    case CUBLAS_COMPUTE_32F_FAST_16BF: g.rounding = Rounding::kBfloat; break;
    default: return unsupported(call, "compute type " + std::to_string(int(compute)) + " (only the 32F ones are done)");
  }
  g.trans_a = ta != CUBLAS_OP_N;
  g.trans_b = tb != CUBLAS_OP_N;
  g.a = {a.type, false, g.trans_a ? k : m, g.trans_a ? m : k, a.ld, batch, a.stride};
  g.b = {b.type, false, g.trans_b ? n : k, g.trans_b ? k : n, b.ld, batch, b.stride};
  g.c = g.d = {c.type, false, m, n, c.ld, batch, c.stride};
  g.pa = a.p;
  g.pb = b.p;
  g.pc = c.p;
  g.pd = const_cast<void*>(c.p);
  if (a.type != CUDA_R_32F) g.rounding = Rounding::kNone;
  if (element_bytes(a.type) == 1 || element_bytes(b.type) == 1)
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, "e4m3 is multiplied by cublasLtMatmul alone.");
  if (const std::string fault = type_fault(g); !fault.empty()) return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, fault);
  if (const std::string fault = shape_fault(g); !fault.empty()) return refuse(CUBLAS_STATUS_INVALID_VALUE, call, fault);
  if (reinterpret_cast<uint64_t>(a.p) % element_bytes(a.type) ||
      reinterpret_cast<uint64_t>(b.p) % element_bytes(b.type) ||
      reinterpret_cast<uint64_t>(c.p) % element_bytes(c.type))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "a matrix is not aligned to its elements.");
  if (h->pointers == CUBLAS_POINTER_MODE_HOST) {
    g.alpha = *static_cast<const float*>(alpha);
    g.beta = *static_cast<const float*>(beta);
  } else {
    g.device_alpha = static_cast<const float*>(alpha);
    g.device_beta = static_cast<const float*>(beta);
  }
  return enqueue_gemm(g, h->stream);
}

}  // namespace

API cublasStatus_t cublasCreate_v2(cublasHandle_t* h) {
  if (!h) return CUBLAS_STATUS_INVALID_VALUE;
  *h = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}
API cublasStatus_t cublasDestroy_v2(cublasHandle_t h) {
  if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;
  delete h;
  return CUBLAS_STATUS_SUCCESS;
}
API cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int* version) {
  *version = CUBLAS_VERSION;
  return CUBLAS_STATUS_SUCCESS;
}

#define SETTING(set, get, type, field)                    \
  API cublasStatus_t set(cublasHandle_t h, type value) {  \
    if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;         \
    h->field = value;                                     \
    return CUBLAS_STATUS_SUCCESS;                         \
  }                                                       \
  API cublasStatus_t get(cublasHandle_t h, type* value) { \
    if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;         \
    if (!value) return CUBLAS_STATUS_INVALID_VALUE;       \
    *value = h->field;                                    \
    return CUBLAS_STATUS_SUCCESS;                         \
  }
SETTING(cublasSetStream_v2, cublasGetStream_v2, cudaStream_t, stream)
SETTING(cublasSetMathMode, cublasGetMathMode, cublasMath_t, math)
SETTING(cublasSetPointerMode_v2, cublasGetPointerMode_v2, cublasPointerMode_t, pointers)
SETTING(cublasSetAtomicsMode, cublasGetAtomicsMode, cublasAtomicsMode_t, atomics)
#undef SETTING

API cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t h, void* workspace, size_t bytes) {
  if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (bytes && reinterpret_cast<uint64_t>(workspace) % 256)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "cublasSetWorkspace", "the workspace is not aligned to 256 bytes.");
  return CUBLAS_STATUS_SUCCESS;
}

API cublasStatus_t cublasSgemm_v2(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                                  const float* alpha, const float* a, int lda, const float* b, int ldb,
                                  const float* beta, float* c, int ldc) {
  return gemm("cublasSgemm", h, ta, tb, m, n, k, alpha, {a, CUDA_R_32F, lda, 0}, {b, CUDA_R_32F, ldb, 0}, beta,
              {c, CUDA_R_32F, ldc, 0}, 1, CUBLAS_COMPUTE_32F);
}
API cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n,
                                             int k, const float* alpha, const float* a, int lda, long long sa,
                                             const float* b, int ldb, long long sb, const float* beta, float* c,
                                             int ldc, long long sc, int batch) {
  return gemm("cublasSgemmStridedBatched", h, ta, tb, m, n, k, alpha, {a, CUDA_R_32F, lda, sa},
              {b, CUDA_R_32F, ldb, sb}, beta, {c, CUDA_R_32F, ldc, sc}, batch, CUBLAS_COMPUTE_32F);
}
API cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                                const void* alpha, const void* a, cudaDataType at, int lda, const void* b,
                                cudaDataType bt, int ldb, const void* beta, void* c, cudaDataType ct, int ldc,
                                cublasComputeType_t compute, cublasGemmAlgo_t) {
  return gemm("cublasGemmEx", h, ta, tb, m, n, k, alpha, {a, at, lda, 0}, {b, bt, ldb, 0}, beta, {c, ct, ldc, 0}, 1,
              compute);
}
API cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m,
                                              int n, int k, const void* alpha, const void* a, cudaDataType at, int lda,
                                              long long sa, const void* b, cudaDataType bt, int ldb, long long sb,
                                              const void* beta, void* c, cudaDataType ct, int ldc, long long sc,
                                              int batch, cublasComputeType_t compute, cublasGemmAlgo_t) {
  return gemm("cublasGemmStridedBatchedEx", h, ta, tb, m, n, k, alpha, {a, at, lda, sa}, {b, bt, ldb, sb}, beta,
              {c, ct, ldc, sc}, batch, compute);
}
