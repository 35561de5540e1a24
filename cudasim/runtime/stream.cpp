#include "runtime/stream.h"

#include <algorithm>
#include <map>

#include "runtime/capture.h"
#include "runtime/device.h"
#include "sim/options.h"

namespace cudasim {

namespace {
thread_local cudaError_t t_last = cudaSuccess;
cudaError_t g_sticky = cudaSuccess;

constexpr uint64_t kLegacyHandle = 0x100;  // of device 0; what a Point refers to
struct Streams {
  std::vector<std::unique_ptr<Stream>> legacy;  // by device
  std::map<cudaStream_t, std::unique_ptr<Stream>> others;
  uint64_t next_handle = 0x5700;
  uint64_t next_serial = 0;
};
Streams& streams() {
  static auto* s = [] {
    auto* made = new Streams;
    for (int d = 0; d < device_count(); ++d)
      made->legacy.push_back(
          std::make_unique<Stream>(reinterpret_cast<cudaStream_t>(kLegacyHandle + uint64_t(d)), d, 0, 0));
    return made;
  }();
  return *s;
}
Stream& legacy_of(int device) {
  return *streams().legacy[size_t(device)];
}

// The streams behind cudaStreamPerThread, by device, made on first use.
struct ThreadStreams {
  std::map<int, cudaStream_t> handles;
  ~ThreadStreams() {
    if (handles.empty()) return;
    std::lock_guard lock(runtime_mutex());
    for (const auto& [device, handle] : handles) destroy_stream(handle);
  }
};
thread_local ThreadStreams t_streams;
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
    const OnDevice on(device_);
    const cudaError_t e = w.op->run();
    if (first == cudaSuccess) first = e;
  }
  return first != cudaSuccess ? first : g_sticky;
}

bool Stream::legacy() const {
  return this == &legacy_of(device_);
}

Stream* stream_of(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return &legacy_of(current_device());
  if (const uint64_t d = reinterpret_cast<uint64_t>(handle) - kLegacyHandle; d < streams().legacy.size())
    return streams().legacy[d].get();
  if (handle == cudaStreamPerThread) {
    cudaStream_t& own = t_streams.handles[current_device()];
    if (!own) own = create_stream(0, 0);
    handle = own;
  }
  const auto it = streams().others.find(handle);
  return it == streams().others.end() ? nullptr : it->second.get();
}

cudaStream_t create_stream(unsigned flags, int priority) {
  Streams& s = streams();
  const cudaStream_t handle = reinterpret_cast<cudaStream_t>(s.next_handle += 16);
  s.others[handle] = std::make_unique<Stream>(handle, current_device(), flags, priority);
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

static cudaError_t append(cudaStream_t handle, OpPtr op, bool late) {
  std::lock_guard lock(runtime_mutex());
  Stream* s = stream_of(handle);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (s->capture) return capture_op(*s, std::move(op));
  if (g_sticky != cudaSuccess) return g_sticky;
  std::vector<Point> after = std::move(s->waits);
  s->waits.clear();
  if (s->legacy()) {
    if (const cudaError_t e = implicit_during_capture(); e != cudaSuccess) return e;
    for (auto& [h, o] : streams().others)
      if (o->blocking() && o->device() == s->device() && !o->empty()) after.push_back(o->tail());
  } else if (s->blocking() && !legacy_of(s->device()).empty()) {
    after.push_back(legacy_of(s->device()).tail());
  }
  s->push(std::move(op), std::move(after));
  return options().delay_streams || late ? cudaSuccess : s->drain();
}

cudaError_t enqueue(cudaStream_t stream, OpPtr op) {
  return append(stream, std::move(op), false);
}

cudaError_t enqueue_late(cudaStream_t stream, OpPtr op) {
  return append(stream, std::move(op), true);
}

cudaError_t enqueue(cudaStream_t stream, cudaGraphNodeType type, std::function<cudaError_t()> function) {
  return enqueue(stream, std::make_shared<FunctionOp>(type, std::move(function)));
}

cudaError_t synchronize(const Point& point) {
  std::lock_guard lock(runtime_mutex());
  Stream* s = stream_of(point.stream);
  return s ? s->drain(point.serial) : g_sticky;  // a destroyed stream has finished
}

static cudaError_t drain_blocking(int device) {
  cudaError_t first = legacy_of(device).drain();
  for (auto& [handle, s] : streams().others)
    if (s->blocking() && s->device() == device) {
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
  if (s->legacy()) {
    if (const cudaError_t e = implicit_during_capture(); e != cudaSuccess) return e;
    return drain_blocking(s->device());
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

cudaError_t synchronize_device(int device) {
  std::lock_guard lock(runtime_mutex());
  cudaError_t first = drain_blocking(device);
  for (auto& [handle, s] : streams().others) {
    if (s->device() != device) continue;
    const cudaError_t e = s->drain();
    if (first == cudaSuccess) first = e;
  }
  return first;
}

cudaError_t synchronize_all() {
  std::lock_guard lock(runtime_mutex());
  cudaError_t first = cudaSuccess;
  for (int d = 0; d < device_count(); ++d) {
    const cudaError_t e = synchronize_device(d);
    if (first == cudaSuccess) first = e;
  }
  return first;
}

}  // namespace cudasim
