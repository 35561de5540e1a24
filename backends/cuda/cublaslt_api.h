// The functions of cuBLASLt that this project calls, in a table that is filled when a CUDA backend is made.
#pragma once

#include <cublasLt.h>

#include "sclip/error.h"

namespace sclip {

// FUNCTION(name in the table, name in the library), for each.
#define SCLIP_EACH_CUBLASLT_FUNCTION(FUNCTION)                                    \
  FUNCTION(create, cublasLtCreate)                                                \
  FUNCTION(destroy, cublasLtDestroy)                                              \
  FUNCTION(get_version, cublasLtGetVersion)                                       \
  FUNCTION(get_status_string, cublasLtGetStatusString)                            \
  FUNCTION(matmul, cublasLtMatmul)                                                \
  FUNCTION(matmul_algo_get_heuristic, cublasLtMatmulAlgoGetHeuristic)             \
  FUNCTION(matmul_desc_create, cublasLtMatmulDescCreate)                          \
  FUNCTION(matmul_desc_destroy, cublasLtMatmulDescDestroy)                        \
  FUNCTION(matmul_desc_set_attribute, cublasLtMatmulDescSetAttribute)             \
  FUNCTION(matmul_preference_create, cublasLtMatmulPreferenceCreate)              \
  FUNCTION(matmul_preference_destroy, cublasLtMatmulPreferenceDestroy)            \
  FUNCTION(matmul_preference_set_attribute, cublasLtMatmulPreferenceSetAttribute) \
  FUNCTION(matrix_layout_create, cublasLtMatrixLayoutCreate)                      \
  FUNCTION(matrix_layout_destroy, cublasLtMatrixLayoutDestroy)                    \
  FUNCTION(matrix_layout_set_attribute, cublasLtMatrixLayoutSetAttribute)

struct CublasLtApi {
#define SCLIP_MEMBER(name, symbol) decltype(&symbol) name;
  SCLIP_EACH_CUBLASLT_FUNCTION(SCLIP_MEMBER)
#undef SCLIP_MEMBER
};

// Opens the library at the first call; throws kUnsupported where it is not.
const CublasLtApi& cublaslt();

template <typename... What>
void check_cublaslt(cublasStatus_t status, const What&... what) {
  SCLIP_CHECK(status == CUBLAS_STATUS_SUCCESS, kDevice, "cuBLASLt could not ", str(what...), ": ",
              cublaslt().get_status_string(status));
}

}  // namespace sclip
