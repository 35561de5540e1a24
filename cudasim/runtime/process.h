// Start and end of the program: the final report and exit code; and the answer to unsupported calls.
#pragma once
#include <cuda_runtime_api.h>

namespace cudasim {

void start_process();  // registers the end-of-process hook once
cudaError_t unsupported_call(const char* what);

}  // namespace cudasim
