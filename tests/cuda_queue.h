// What kernels ask of a CUDA device besides a stream, for tests and benchmarks of launchers that no method of Stream
// stands for.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip::testing {

inline void require_cuda(cudaError_t error) {
  SCLIP_CHECK(error == cudaSuccess, kDevice, "a test's own call of CUDA failed: ", cudaGetErrorString(error));
}

// `stream` is one of the current device.
inline CudaQueue queue_of(cudaStream_t stream) {
  int device = -1;
  cudaDeviceProp properties{};
  require_cuda(cudaGetDevice(&device));
  require_cuda(cudaGetDeviceProperties(&properties, device));
  return {.stream = stream,
          .architecture = 10 * properties.major + properties.minor,
          .multiprocessors = properties.multiProcessorCount,
          .shared_memory_per_block = properties.sharedMemPerBlockOptin};
}

// A stream of its own.
class CudaTestStream {
 public:
  CudaTestStream() { require_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~CudaTestStream() { cudaStreamDestroy(stream_); }
  CudaTestStream(const CudaTestStream&) = delete;
  CudaTestStream& operator=(const CudaTestStream&) = delete;

  CudaQueue queue() const { return queue_of(stream_); }
  void synchronize() const { require_cuda(cudaStreamSynchronize(stream_)); }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace sclip::testing
