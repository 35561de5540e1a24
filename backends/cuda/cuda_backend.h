// The CUDA backend: kernels of kernels/*_cuda.cu, matrix products through cuBLASLt. No CUDA header here.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"

namespace sclip {

BackendStatus cuda_status();
// `request.device`: "cuda" (the first usable one) or "cuda:N". Throws kUnsupported with the reason when there is none.
std::unique_ptr<Backend> make_cuda_backend(const BackendRequest& request);

}  // namespace sclip
