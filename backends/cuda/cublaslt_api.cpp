#include "backends/cuda/cublaslt_api.h"

#include "backends/cuda/lazy_library.h"

namespace sclip {
namespace {

CublasLtApi load() {
  const LazyLibrary library(
      str("libcublasLt.so.", CUBLAS_VER_MAJOR), SCLIP_CUBLASLT_FOLDER,
      str("install cuBLAS of CUDA ", CUBLAS_VER_MAJOR, " or name its folder in LD_LIBRARY_PATH, or use device cpu"));
  CublasLtApi api{};
  library.find(api.create, "cublasLtCreate");
  library.find(api.destroy, "cublasLtDestroy");
  library.find(api.get_status_string, "cublasLtGetStatusString");
  library.find(api.matmul, "cublasLtMatmul");
  library.find(api.matmul_algo_get_heuristic, "cublasLtMatmulAlgoGetHeuristic");
  library.find(api.matmul_desc_create, "cublasLtMatmulDescCreate");
  library.find(api.matmul_desc_destroy, "cublasLtMatmulDescDestroy");
  library.find(api.matmul_desc_set_attribute, "cublasLtMatmulDescSetAttribute");
  library.find(api.matmul_preference_create, "cublasLtMatmulPreferenceCreate");
  library.find(api.matmul_preference_destroy, "cublasLtMatmulPreferenceDestroy");
  library.find(api.matmul_preference_set_attribute, "cublasLtMatmulPreferenceSetAttribute");
  library.find(api.matrix_layout_create, "cublasLtMatrixLayoutCreate");
  library.find(api.matrix_layout_destroy, "cublasLtMatrixLayoutDestroy");
  return api;
}

}  // namespace

const CublasLtApi& cublaslt() {
  static const CublasLtApi api = load();
  return api;
}

}  // namespace sclip
