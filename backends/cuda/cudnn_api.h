// The functions of cuDNN that this project calls, in a table, so that a program need not load cuDNN when it starts.
#pragma once

#include <cudnn_graph.h>

#include "sclip/error.h"

namespace sclip {

// FUNCTION(name in the table, name in the library), for each.
#define SCLIP_EACH_CUDNN_FUNCTION(FUNCTION)                   \
  FUNCTION(get_version, cudnnGetVersion)                      \
  FUNCTION(get_error_string, cudnnGetErrorString)             \
  FUNCTION(get_last_error_string, cudnnGetLastErrorString)    \
  FUNCTION(create, cudnnCreate)                               \
  FUNCTION(destroy, cudnnDestroy)                             \
  FUNCTION(set_stream, cudnnSetStream)                        \
  FUNCTION(create_descriptor, cudnnBackendCreateDescriptor)   \
  FUNCTION(destroy_descriptor, cudnnBackendDestroyDescriptor) \
  FUNCTION(finalize, cudnnBackendFinalize)                    \
  FUNCTION(set_attribute, cudnnBackendSetAttribute)           \
  FUNCTION(get_attribute, cudnnBackendGetAttribute)           \
  FUNCTION(execute, cudnnBackendExecute)

struct CudnnApi {
#define SCLIP_MEMBER(name, symbol) decltype(&symbol) name;
  SCLIP_EACH_CUDNN_FUNCTION(SCLIP_MEMBER)
#undef SCLIP_MEMBER
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
