// Streams and events.
#include <cuda_runtime_api.h>

#include <chrono>

#include "runtime/stream.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

namespace {
struct Event {
  bool recorded = false, done = false;
  cudaStream_t stream = nullptr;
  std::chrono::steady_clock::time_point at;
};
Event* event_of(cudaEvent_t e) { return reinterpret_cast<Event*>(e); }
}  // namespace

API cudaError_t cudaStreamCreateWithPriority(cudaStream_t* s, unsigned flags, int priority) {
  std::lock_guard lock(runtime_mutex());
  *s = create_stream(flags, priority);
  return cudaSuccess;
}
API cudaError_t cudaStreamCreate(cudaStream_t* s) { return cudaStreamCreateWithPriority(s, 0, 0); }
API cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned flags) { return cudaStreamCreateWithPriority(s, flags, 0); }
API cudaError_t cudaStreamDestroy(cudaStream_t s) {
  std::lock_guard lock(runtime_mutex());
  return set_error(destroy_stream(s) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}
API cudaError_t cudaStreamSynchronize(cudaStream_t s) { return set_error(synchronize(s)); }
API cudaError_t cudaStreamQuery(cudaStream_t s) {
  std::lock_guard lock(runtime_mutex());
  Stream* st = stream_of(s);
  if (!st) return set_error(cudaErrorInvalidResourceHandle);
  if (st->empty()) return cudaSuccess;
  st->drain();  // asking again must succeed one day
  return cudaErrorNotReady;
}
API cudaError_t cudaStreamGetFlags(cudaStream_t s, unsigned* f) {
  Stream* st = stream_of(s);
  if (!st) return set_error(cudaErrorInvalidResourceHandle);
  *f = st->flags();
  return cudaSuccess;
}
API cudaError_t cudaStreamGetPriority(cudaStream_t s, int* p) {
  Stream* st = stream_of(s);
  if (!st) return set_error(cudaErrorInvalidResourceHandle);
  *p = st->priority();
  return cudaSuccess;
}
API cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus* status) {
  Stream* st = stream_of(s);
  if (!st) return set_error(cudaErrorInvalidResourceHandle);
  *status = st->capture ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
API cudaError_t cudaLaunchHostFunc(cudaStream_t s, cudaHostFn_t fn, void* data) {
  return set_error(enqueue(s, {"host", [=] { fn(data); return cudaSuccess; }}));
}

API cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) { *e = reinterpret_cast<cudaEvent_t>(new Event); return cudaSuccess; }
API cudaError_t cudaEventCreate(cudaEvent_t* e) { return cudaEventCreateWithFlags(e, 0); }
API cudaError_t cudaEventDestroy(cudaEvent_t e) {
  Event* ev = event_of(e);
  if (ev && ev->recorded && !ev->done) synchronize(ev->stream);
  delete ev;
  return cudaSuccess;
}
API cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  Event* ev = event_of(e);
  ev->recorded = true;
  ev->done = false;
  ev->stream = s;
  return set_error(enqueue(s, {"event", [ev] { ev->done = true; ev->at = std::chrono::steady_clock::now(); return cudaSuccess; }}));
}
API cudaError_t cudaEventRecordWithFlags(cudaEvent_t e, cudaStream_t s, unsigned) { return cudaEventRecord(e, s); }
API cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  Event* ev = event_of(e);
  return ev->recorded && !ev->done ? set_error(synchronize(ev->stream)) : cudaSuccess;
}
API cudaError_t cudaEventQuery(cudaEvent_t e) {
  Event* ev = event_of(e);
  if (!ev->recorded || ev->done) return cudaSuccess;
  synchronize(ev->stream);
  return cudaErrorNotReady;
}
API cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t a, cudaEvent_t b) {
  if (!event_of(a)->recorded || !event_of(b)->recorded) return set_error(cudaErrorInvalidResourceHandle);
  if (!event_of(a)->done || !event_of(b)->done) return set_error(cudaErrorNotReady);
  *ms = std::chrono::duration<float, std::milli>(event_of(b)->at - event_of(a)->at).count();
  return cudaSuccess;
}
API cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned) {
  Event* ev = event_of(e);
  return set_error(enqueue(s, {"wait", [ev] { return ev->recorded && !ev->done ? synchronize(ev->stream) : cudaSuccess; }}));
}
