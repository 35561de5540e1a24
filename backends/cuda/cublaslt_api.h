// The functions of cuBLASLt that this project calls, in a table that is filled when a CUDA backend is made.
#pragma once

#include <cublasLt.h>

#include "core/error.h"

namespace sclip {

struct CublasLtApi {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtGetStatusString) get_status_string;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatmulAlgoGetHeuristic) matmul_algo_get_heuristic;
  decltype(&cublasLtMatmulDescCreate) matmul_desc_create;
  decltype(&cublasLtMatmulDescDestroy) matmul_desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) matmul_desc_set_attribute;
  decltype(&cublasLtMatmulPreferenceCreate) matmul_preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) matmul_preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) matmul_preference_set_attribute;
  decltype(&cublasLtMatrixLayoutCreate) matrix_layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) matrix_layout_destroy;
};

// Opens the library at the first call; throws kUnsupported where it is not.
const CublasLtApi& cublaslt();

template <typename... What>
void check_cublaslt(cublasStatus_t status, const What&... what) {
  SCLIP_CHECK(status == CUBLAS_STATUS_SUCCESS, kDevice, "cuBLASLt could not ", str(what...), ": ",
              cublaslt().get_status_string(status));
}

}  // namespace sclip
