// What takes cudnn_mlp.cpp's place in builds without cuDNN.
#include "backends/cuda/cudnn_mlp.h"
#include "sclip/error.h"

namespace sclip {

std::unique_ptr<Cudnn> start_cudnn() {
  fail(
      ErrorCode::kUnsupported,
      "this build has no cuDNN, which --cudnn-mlp needs: install cuDNN 9 or newer and configure with -DSCLIP_CUDNN=ON, "
      "or leave --cudnn-mlp out");
}

}  // namespace sclip
