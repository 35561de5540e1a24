// What the stand-ins of CUDA's libraries (cuBLAS) need beyond the CUDA runtime API.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>

extern "C" {

// Queues run(data) on the stream, where capture records it as one node; destroy(data) follows when nothing can run it
// again.
cudaError_t cudasimEnqueue(cudaStream_t stream, const char* what, cudaError_t (*run)(const void* data),
                           void (*destroy)(const void* data), const void* data);

// The bytes behind a device pointer. Null, after a report that names the call and the operand, unless all of them lie
// inside one allocation.
void* cudasimBytes(const void* pointer, size_t bytes, const char* call, const char* operand);

// Reports use of something that the stand-ins do not do; the sentence says what.
void cudasimUnsupported(const char* sentence);
}
