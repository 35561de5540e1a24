// A CUDA event that times what a stream does.
#pragma once

#include "backends/cuda/cuda_device.h"

namespace sclip {

class CudaEvent {
 public:
  CudaEvent() { check_cuda(cudaEventCreate(&event_), "make an event"); }
  ~CudaEvent() { cudaEventDestroy(event_); }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  void record(cudaStream_t stream) { check_cuda(cudaEventRecord(event_, stream), "record an event"); }
  // Milliseconds since `start`, which the same stream recorded before; waits for this one.
  float since(const CudaEvent& start) const {
    check_cuda(cudaEventSynchronize(event_), "wait for an event");
    float time = 0;
    check_cuda(cudaEventElapsedTime(&time, start.event_, event_), "read the time between events");
    return time;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace sclip
