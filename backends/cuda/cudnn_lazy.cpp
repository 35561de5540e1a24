#include "backends/cuda/cudnn_api.h"
#include "backends/cuda/lazy_library.h"

namespace sclip {
namespace {

CudnnApi load() {
  const LazyLibrary library(str("libcudnn.so.", CUDNN_MAJOR), SCLIP_CUDNN_FOLDER,
                            str("install cuDNN ", CUDNN_MAJOR, ".", CUDNN_MINOR,
                                " or newer or name its folder in LD_LIBRARY_PATH, or leave --cudnn-mlp out"));
  CudnnApi api{};
  library.find(api.get_version, "cudnnGetVersion");
  library.find(api.get_error_string, "cudnnGetErrorString");
  library.find(api.get_last_error_string, "cudnnGetLastErrorString");
  library.find(api.create, "cudnnCreate");
  library.find(api.destroy, "cudnnDestroy");
  library.find(api.set_stream, "cudnnSetStream");
  library.find(api.create_descriptor, "cudnnBackendCreateDescriptor");
  library.find(api.destroy_descriptor, "cudnnBackendDestroyDescriptor");
  library.find(api.finalize, "cudnnBackendFinalize");
  library.find(api.set_attribute, "cudnnBackendSetAttribute");
  library.find(api.get_attribute, "cudnnBackendGetAttribute");
  library.find(api.execute, "cudnnBackendExecute");
  return api;
}

}  // namespace

const CudnnApi& cudnn() {
  static const CudnnApi api = load();
  return api;
}

}  // namespace sclip
