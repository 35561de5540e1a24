// The functions of cuDNN that this project calls, in a table, so that a program need not load cuDNN when it starts.
#pragma once

#include <cudnn_graph.h>

#include "core/error.h"

namespace sclip {

struct CudnnApi {
  decltype(&cudnnGetVersion) get_version;
  decltype(&cudnnGetErrorString) get_error_string;
  decltype(&cudnnGetLastErrorString) get_last_error_string;
  decltype(&cudnnCreate) create;
  decltype(&cudnnDestroy) destroy;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendExecute) execute;
};

// cudnn_lazy.cpp opens the library at the first call and throws kUnsupported where it is not; a program that is linked
// with cuDNN brings cudnn_linked.cpp, which the linker then takes instead.
const CudnnApi& cudnn();

// cuDNN's words for a status, and what it says about the last call.
std::string describe(cudnnStatus_t status);

template <typename... What>
void check_cudnn(cudnnStatus_t status, const What&... what) {
  SCLIP_CHECK(status == CUDNN_STATUS_SUCCESS, kDevice, "cuDNN could not ", str(what...), ": ", describe(status));
}

}  // namespace sclip
