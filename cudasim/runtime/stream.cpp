#include "runtime/stream.h"

#include <map>
#include <vector>

#include "sim/options.h"

namespace cudasim {

namespace {
thread_local cudaError_t t_last = cudaSuccess;
cudaError_t g_sticky = cudaSuccess;

struct Streams {
  Stream legacy{0};
  std::map<cudaStream_t, std::unique_ptr<Stream>> others;
  uint64_t next = 0x5700;
};
Streams& streams() { static auto* s = new Streams; return *s; }
}  // namespace

std::recursive_mutex& runtime_mutex() { static auto* m = new std::recursive_mutex; return *m; }

cudaError_t set_error(cudaError_t e) {
  if (e != cudaSuccess) t_last = e;
  return e;
}
cudaError_t last_error(bool clear) {
  const cudaError_t e = g_sticky != cudaSuccess ? g_sticky : t_last;
  if (clear) t_last = cudaSuccess;
  return e;
}
void set_sticky_error(cudaError_t e) { if (g_sticky == cudaSuccess) g_sticky = e; }

cudaError_t Stream::drain() {
  cudaError_t first = cudaSuccess;
  while (!queue_.empty()) {
    Work w = std::move(queue_.front());
    queue_.pop_front();
    if (g_sticky != cudaSuccess) return g_sticky;
    const cudaError_t e = w.run();
    if (first == cudaSuccess) first = e;
  }
  return first != cudaSuccess ? first : g_sticky;
}

Stream* stream_of(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy || handle == cudaStreamPerThread) return &streams().legacy;
  auto it = streams().others.find(handle);
  return it == streams().others.end() ? nullptr : it->second.get();
}
cudaStream_t create_stream(unsigned flags, int priority) {
  Streams& s = streams();
  const cudaStream_t handle = reinterpret_cast<cudaStream_t>(s.next += 16);
  s.others[handle] = std::make_unique<Stream>(flags, priority);
  return handle;
}
bool destroy_stream(cudaStream_t handle) {
  auto it = streams().others.find(handle);
  if (it == streams().others.end()) return false;
  it->second->drain();
  streams().others.erase(it);
  return true;
}

static cudaError_t drain_blocking() {
  cudaError_t first = streams().legacy.drain();
  for (auto& [handle, s] : streams().others)
    if (!(s->flags() & cudaStreamNonBlocking)) {
      const cudaError_t e = s->drain();
      if (first == cudaSuccess) first = e;
    }
  return first;
}

cudaError_t enqueue(cudaStream_t handle, Work work) {
  std::lock_guard lock(runtime_mutex());
  Stream* s = stream_of(handle);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (s->capture) return s->capture(std::move(work));
  if (g_sticky != cudaSuccess) return g_sticky;
  const bool legacy = s == &streams().legacy;
  if (legacy) {
    for (auto& [h, o] : streams().others)
      if (!(o->flags() & cudaStreamNonBlocking)) o->drain();
  } else if (!(s->flags() & cudaStreamNonBlocking)) {
    streams().legacy.drain();
  }
  s->push(std::move(work));
  if (options().delay_streams) return cudaSuccess;
  return s->drain();
}

cudaError_t synchronize(cudaStream_t handle) {
  std::lock_guard lock(runtime_mutex());
  Stream* s = stream_of(handle);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (s->capture) return cudaErrorStreamCaptureUnsupported;
  return s == &streams().legacy ? drain_blocking() : s->drain();
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
