#include <dlfcn.h>

#include "backends/cuda/cudnn_api.h"

namespace sclip {
namespace {

class Library {
 public:
  Library() {
    const std::string name = str("libcudnn.so.", CUDNN_MAJOR);
    // What the system finds first, then where the build found it.
    for (const std::string& candidate : {name, std::string(SCLIP_CUDNN_FOLDER "/") + name}) {
      if (library_ = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL); library_ != nullptr) return;
    }
    const char* reason = dlerror();
    fail(ErrorCode::kUnsupported, name, " cannot be loaded (", reason != nullptr ? reason : "no reason given",
         "): install cuDNN ", CUDNN_MAJOR, " or name its folder in LD_LIBRARY_PATH, or leave --cudnn-mlp out");
  }

  template <typename Function>
  void find(Function& function, const char* name) const {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    SCLIP_CHECK(function != nullptr, kUnsupported, "this cuDNN has no ", name, ": install cuDNN ", CUDNN_MAJOR, ".",
                CUDNN_MINOR, " or newer, or leave --cudnn-mlp out");
  }

 private:
  void* library_ = nullptr;  // never closed: cuDNN keeps threads and device memory of its own
};

CudnnApi load() {
  const Library library;
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
