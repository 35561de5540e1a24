// Streams as queues of operations. Everything that the device does goes through enqueue(): copies, fills, launches,
// host functions, event records. A queue runs when something waits for it; without --delay-streams that is at once.
#pragma once
#include <cuda_runtime_api.h>

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/op.h"

namespace cudasim {

struct Capture;
struct GraphNode;

// A place in a stream: everything queued there up to a serial number.
struct Point {
  cudaStream_t stream = nullptr;
  uint64_t serial = 0;
};

class Stream {
 public:
  Stream(cudaStream_t handle, int device, unsigned flags, int priority)
      : handle_(handle), device_(device), flags_(flags), priority_(priority) {}
  cudaStream_t handle() const { return handle_; }
  int device() const { return device_; }
  bool legacy() const;
  unsigned flags() const { return flags_; }
  bool blocking() const { return !(flags_ & cudaStreamNonBlocking); }
  int priority() const { return priority_; }
  bool empty() const { return queue_.empty(); }
  Point tail() const { return {handle_, last_}; }
  void push(OpPtr op, std::vector<Point> after);
  // Runs what is queued up to a serial number, each after what it waits for; the first error.
  cudaError_t drain(uint64_t up_to = std::numeric_limits<uint64_t>::max());

  // While the stream is captured: where its work goes, and the nodes that the next one depends on.
  Capture* capture = nullptr;
  std::vector<GraphNode*> capture_tail;
  std::vector<Point> waits;  // of cudaStreamWaitEvent, for the next operation

 private:
  struct Work {
    uint64_t serial;
    OpPtr op;
    std::vector<Point> after;
  };
  cudaStream_t handle_;
  int device_;
  unsigned flags_;
  int priority_;
  uint64_t last_ = 0;
  std::deque<Work> queue_;
};

// Resolves a handle. Each device has a legacy stream behind the null handle, and each thread one of its own for each
// device behind cudaStreamPerThread; the current device says which is meant. Null for an unknown handle.
Stream* stream_of(cudaStream_t handle);
cudaStream_t create_stream(unsigned flags, int priority);
bool destroy_stream(cudaStream_t handle);
void for_each_stream(const std::function<void(Stream&)>& visit);  // all but the legacy ones

// Appends an operation; runs it now unless streams are delayed or captured. Work on the legacy stream waits for the
// blocking streams of its device, and the other way round.
cudaError_t enqueue(cudaStream_t stream, OpPtr op);
// Appends an operation that has begun but may end when something waits for it.
cudaError_t enqueue_late(cudaStream_t stream, OpPtr op);
cudaError_t enqueue(cudaStream_t stream, cudaGraphNodeType type, std::function<cudaError_t()> function);
cudaError_t synchronize(cudaStream_t stream);
cudaError_t synchronize(const Point& point);
cudaError_t synchronize_device(int device);
cudaError_t synchronize_all();

// The calling thread's last error, and the sticky error of the device after a kernel fault.
cudaError_t set_error(cudaError_t e);
cudaError_t last_error(bool clear);
void set_sticky_error(cudaError_t e);

std::recursive_mutex& runtime_mutex();

}  // namespace cudasim
