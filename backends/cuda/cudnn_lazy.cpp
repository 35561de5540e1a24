#include "backends/cuda/cudnn_api.h"
#include "backends/cuda/lazy_library.h"

namespace sclip {
namespace {

CudnnApi load() {
  const LazyLibrary library(str("libcudnn.so.", CUDNN_MAJOR), SCLIP_CUDNN_FOLDER,
                            str("install cuDNN ", CUDNN_MAJOR, ".", CUDNN_MINOR,
                                " or newer or name its folder in LD_LIBRARY_PATH, or leave --cudnn-mlp out"));
  CudnnApi api{};
#define SCLIP_FIND(name, symbol) library.find(api.name, #symbol);
  SCLIP_EACH_CUDNN_FUNCTION(SCLIP_FIND)
#undef SCLIP_FIND
  return api;
}

}  // namespace

const CudnnApi& cudnn() {
  static const CudnnApi api = load();
  return api;
}

}  // namespace sclip
