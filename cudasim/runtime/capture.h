// Stream capture: work of a captured stream becomes graph nodes. Other streams join by waiting for an event that was
// recorded in the capture, and must be joined again before it ends.
#pragma once
#include <cuda_runtime_api.h>

#include <thread>

#include "runtime/graph.h"
#include "runtime/stream.h"

namespace cudasim {

struct Capture {
  Graph* graph = nullptr;
  Stream* origin = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;
  uint64_t id = 0;
  bool invalid = false;
};

cudaError_t begin_capture(Stream& s, cudaStreamCaptureMode mode);
cudaError_t end_capture(Stream& s, Graph** graph);
cudaError_t capture_op(Stream& s, OpPtr op);
// The stream waits for nodes of a capture: it joins, or adds them to what its next node depends on.
cudaError_t capture_wait(Stream& s, uint64_t capture_id, const std::vector<GraphNode*>& nodes);
void leave_capture(Stream& s);

cudaError_t invalidate_capture(Capture& c, cudaError_t error);
// Use of the legacy stream while a blocking stream is captured.
cudaError_t implicit_during_capture();
// Calls that may not run while a capture (in a mode that forbids them) is under way: cudaMalloc and the like.
cudaError_t unsafe_during_capture();
// Calls that may never run then: cudaDeviceSynchronize.
cudaError_t synchronize_during_capture();
cudaStreamCaptureMode exchange_capture_mode(cudaStreamCaptureMode mode);

}  // namespace cudasim
