// The CUDA backend: kernels of kernels/*_cuda.cu, matrix products through cuBLASLt. No CUDA header here.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"

namespace sclip {

BackendStatus cuda_status();
// `device`: "cuda" (the first usable one) or "cuda:N". Throws kUnsupported with the reason when there is none.
std::unique_ptr<Backend> make_cuda_backend(const std::string& device, Precision precision, bool tune_gemm);

}  // namespace sclip
