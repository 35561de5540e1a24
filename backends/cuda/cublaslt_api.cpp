#include "backends/cuda/cublaslt_api.h"

#include "backends/cuda/lazy_library.h"

namespace sclip {
namespace {

CublasLtApi load() {
  const LazyLibrary library(
      str("libcublasLt.so.", CUBLAS_VER_MAJOR), SCLIP_CUBLASLT_FOLDER,
      str("install cuBLAS of CUDA ", CUBLAS_VER_MAJOR, " or name its folder in LD_LIBRARY_PATH, or use device cpu"));
  CublasLtApi api{};
#define SCLIP_FIND(name, symbol) library.find(api.name, #symbol);
  SCLIP_EACH_CUBLASLT_FUNCTION(SCLIP_FIND)
#undef SCLIP_FIND
  return api;
}

}  // namespace

const CublasLtApi& cublaslt() {
  static const CublasLtApi api = load();
  return api;
}

}  // namespace sclip
