// Streams as queues of work. Everything that the device does goes through enqueue(): copies, fills, launches, host
// functions, event records. A stream runs its queue when something waits for it; without --delay-streams that is at once.
#pragma once
#include <cuda_runtime_api.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace cudasim {

struct Work {
  const char* what = "";               // "kernel", "memcpy", ... for graphs and messages
  std::function<cudaError_t()> run;    // executed in stream order
};

class Stream {
 public:
  explicit Stream(unsigned flags, int priority = 0) : flags_(flags), priority_(priority) {}
  unsigned flags() const { return flags_; }
  int priority() const { return priority_; }
  bool empty() const { return queue_.empty(); }
  void push(Work w) { queue_.push_back(std::move(w)); }
  cudaError_t drain();  // runs what is queued; the first error
  // Non-null while the stream is captured: work goes there instead of the queue (owned by the graph code).
  std::function<cudaError_t(Work)> capture;

 private:
  unsigned flags_;
  int priority_;
  std::deque<Work> queue_;
};

// Resolves a handle: 0, cudaStreamLegacy and cudaStreamPerThread are the default stream. Null for an unknown handle.
Stream* stream_of(cudaStream_t handle);
cudaStream_t create_stream(unsigned flags, int priority);
bool destroy_stream(cudaStream_t handle);

// Appends work; runs it now unless streams are delayed or captured. Work on the default stream first finishes the
// blocking streams, and the other way round, as the legacy default stream does.
cudaError_t enqueue(cudaStream_t stream, Work work);
cudaError_t synchronize(cudaStream_t stream);
cudaError_t synchronize_all();

// The calling thread's last error, and the sticky error of the device after a kernel fault.
cudaError_t set_error(cudaError_t e);
cudaError_t last_error(bool clear);
void set_sticky_error(cudaError_t e);

std::recursive_mutex& runtime_mutex();

}  // namespace cudasim
