// cuDNN as the linker finds it: a function that this cuDNN lacks fails the build.
#include "backends/cuda/cudnn_api.h"

namespace sclip {

const CudnnApi& cudnn() {
  static constexpr CudnnApi kApi{.get_version = cudnnGetVersion,
                                 .get_error_string = cudnnGetErrorString,
                                 .get_last_error_string = cudnnGetLastErrorString,
                                 .create = cudnnCreate,
                                 .destroy = cudnnDestroy,
                                 .set_stream = cudnnSetStream,
                                 .create_descriptor = cudnnBackendCreateDescriptor,
                                 .destroy_descriptor = cudnnBackendDestroyDescriptor,
                                 .finalize = cudnnBackendFinalize,
                                 .set_attribute = cudnnBackendSetAttribute,
                                 .get_attribute = cudnnBackendGetAttribute,
                                 .execute = cudnnBackendExecute};
  return kApi;
}

}  // namespace sclip
