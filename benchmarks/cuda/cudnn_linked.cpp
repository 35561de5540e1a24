// cuDNN as the linker finds it: a function that this cuDNN lacks fails the build.
#include "backends/cuda/cudnn_api.h"

namespace sclip {

const CudnnApi& cudnn() {
#define SCLIP_LINKED(name, symbol) .name = symbol,
  static constexpr CudnnApi kApi{SCLIP_EACH_CUDNN_FUNCTION(SCLIP_LINKED)};
#undef SCLIP_LINKED
  return kApi;
}

}  // namespace sclip
