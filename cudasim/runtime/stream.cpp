#include "runtime/stream.h"

#include <algorithm>
#include <map>

#include "runtime/capture.h"
#include "sim/options.h"

namespace cudasim {

namespace {
thread_local cudaError_t t_last = cudaSuccess;
cudaError_t g_sticky = cudaSuccess;

struct Streams {
  Stream legacy{nullptr, 0, 0};
  std::map<cudaStream_t, std::unique_ptr<Stream>> others;
  uint64_t next_handle = 0x5700;
  uint64_t next_serial = 0;
};
Streams& streams() {
  static auto* s = new Streams;
  return *s;
}

// The stream behind cudaStreamPerThread, made on first use.
struct ThreadStream {
  cudaStream_t handle = nullptr;
  ~ThreadStream() {
    if (!handle) return;
    std::lock_guard lock(runtime_mutex());
    destroy_stream(handle);
  }
};
thread_local ThreadStream t_stream;
}  // namespace

std::recursive_mutex& runtime_mutex() {
  static auto* m = new std::recursive_mutex;
  return *m;
}

cudaError_t set_error(cudaError_t e) {
  if (e != cudaSuccess) t_last = e;
  return e;
}
cudaError_t last_error(bool clear) {
  const cudaError_t e = g_sticky != cudaSuccess ? g_sticky : t_last;
  if (clear) t_last = cudaSuccess;
  return e;
}
void set_sticky_error(cudaError_t e) {
  if (g_sticky == cudaSuccess) g_sticky = e;
}

void Stream::push(OpPtr op, std::vector<Point> after) {
  last_ = ++streams().next_serial;
  queue_.push_back({last_, std::move(op), std::move(after)});
}

cudaError_t Stream::drain(uint64_t up_to) {
  cudaError_t first = cudaSuccess;
  while (!queue_.empty() && queue_.front().serial <= up_to) {
    const Work w = std::move(queue_.front());
    queue_.pop_front();
    for (const Point& p : w.after) {
      const cudaError_t e = synchronize(p);
      if (first == cudaSuccess) first = e;
    }
    if (g_sticky != cudaSuccess) return g_sticky;
    const cudaError_t e = w.op->run();
    if (first == cudaSuccess) first = e;
  }
  return first != cudaSuccess ? first : g_sticky;
}

Stream& legacy_stream() {
  return streams().legacy;
}

Stream* stream_of(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return &streams().legacy;
  if (handle == cudaStreamPerThread) {
    if (!t_stream.handle) t_stream.handle = create_stream(0, 0);
    handle = t_stream.handle;
  }
  const auto it = streams().others.find(handle);
  return it == streams().others.end() ? nullptr : it->second.get();
}

cudaStream_t create_stream(unsigned flags, int priority) {
  Streams& s = streams();
  const cudaStream_t handle = reinterpret_cast<cudaStream_t>(s.next_handle += 16);
  s.others[handle] = std::make_unique<Stream>(handle, flags, priority);
  return handle;
}

bool destroy_stream(cudaStream_t handle) {
  const auto it = streams().others.find(handle);
  if (it == streams().others.end()) return false;
  it->second->drain();
  leave_capture(*it->second);
  streams().others.erase(it);
  return true;
}

void for_each_stream(const std::function<void(Stream&)>& visit) {
  for (auto& [handle, s] : streams().others) visit(*s);
}

cudaError_t enqueue(cudaStream_t handle, OpPtr op) {
  std::lock_guard lock(runtime_mutex());
  Stream* s = stream_of(handle);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (s->capture) return capture_op(*s, std::move(op));
  if (g_sticky != cudaSuccess) return g_sticky;
  std::vector<Point> after = std::move(s->waits);
  s->waits.clear();
  if (s == &streams().legacy) {
    if (const cudaError_t e = implicit_during_capture(); e != cudaSuccess) return e;
    for (auto& [h, o] : streams().others)
      if (o->blocking() && !o->empty()) after.push_back(o->tail());
  } else if (s->blocking() && !streams().legacy.empty()) {
    after.push_back(streams().legacy.tail());
  }
  s->push(std::move(op), std::move(after));
  return options().delay_streams ? cudaSuccess : s->drain();
}

cudaError_t enqueue(cudaStream_t stream, cudaGraphNodeType type, std::function<cudaError_t()> function) {
  return enqueue(stream, std::make_shared<FunctionOp>(type, std::move(function)));
}

cudaError_t synchronize(const Point& point) {
  std::lock_guard lock(runtime_mutex());
  Stream* s = stream_of(point.stream);
  return s ? s->drain(point.serial) : g_sticky;  // a destroyed stream has finished
}

static cudaError_t drain_blocking() {
  cudaError_t first = streams().legacy.drain();
  for (auto& [handle, s] : streams().others)
    if (s->blocking()) {
      const cudaError_t e = s->drain();
      if (first == cudaSuccess) first = e;
    }
  return first;
}

cudaError_t synchronize(cudaStream_t handle) {
  std::lock_guard lock(runtime_mutex());
  Stream* s = stream_of(handle);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (s->capture) return invalidate_capture(*s->capture, cudaErrorStreamCaptureUnsupported);
  if (s == &streams().legacy) {
    if (const cudaError_t e = implicit_during_capture(); e != cudaSuccess) return e;
    return drain_blocking();
  }
  std::vector<Point> waits = std::move(s->waits);
  s->waits.clear();
  cudaError_t first = s->drain();
  for (const Point& p : waits) {
    const cudaError_t e = synchronize(p);
    if (first == cudaSuccess) first = e;
  }
  return first;
}

cudaError_t synchronize_all() {
  std::lock_guard lock(runtime_mutex());
  cudaError_t first = drain_blocking();
  for (auto& [handle, s] : streams().others) {
    const cudaError_t e = s->drain();
    if (first == cudaSuccess) first = e;
  }
  return first;
}

}  // namespace cudasim
