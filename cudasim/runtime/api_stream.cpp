// Streams, events and stream capture.
#include <cuda_runtime_api.h>

#include <chrono>
#include <memory>
#include <unordered_set>

#include "runtime/capture.h"
#include "runtime/device.h"
#include "runtime/event.h"
#include "runtime/process.h"
#include "runtime/stream.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

namespace {
std::unordered_set<Event*>& events() {
  static auto* e = new std::unordered_set<Event*>;
  return *e;
}

// Runs f with the lock held on the stream; an unknown handle is an error.
template <class F>
cudaError_t on_stream(cudaStream_t handle, F f) {
  std::lock_guard lock(runtime_mutex());
  Stream* s = stream_of(handle);
  return set_error(s ? f(*s) : cudaErrorInvalidResourceHandle);
}
}  // namespace

namespace cudasim {

Event* event_of(cudaEvent_t handle) {
  Event* e = reinterpret_cast<Event*>(handle);
  return events().count(e) ? e : nullptr;
}

OpPtr record_op(Event& e) {
  auto record = std::make_shared<Record>();
  e.record = record;
  return std::make_shared<FunctionOp>(cudaGraphNodeTypeEventRecord, [record] {
    record->done = true;
    record->at = std::chrono::steady_clock::now();
    return cudaSuccess;
  });
}

OpPtr graph_record_op(Event& e) {
  return std::make_shared<FunctionOp>(cudaGraphNodeTypeEventRecord, [event = &e] {
    auto record = std::make_shared<Record>();
    record->done = true;
    record->at = std::chrono::steady_clock::now();
    event->record = record;
    event->capture_id = 0;
    return cudaSuccess;
  });
}

OpPtr graph_wait_op(Event& e) {
  return std::make_shared<FunctionOp>(cudaGraphNodeTypeWaitEvent, [event = &e] {
    const auto record = event->record;
    return record && !record->done ? synchronize(record->point) : cudaSuccess;
  });
}

}  // namespace cudasim

API cudaError_t cudaStreamCreateWithPriority(cudaStream_t* s, unsigned flags, int priority) {
  if (!s || (flags & ~unsigned(cudaStreamNonBlocking))) return set_error(cudaErrorInvalidValue);
  std::lock_guard lock(runtime_mutex());
  *s = create_stream(flags, priority);
  return cudaSuccess;
}
API cudaError_t cudaStreamCreate(cudaStream_t* s) {
  return cudaStreamCreateWithPriority(s, 0, 0);
}
API cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned flags) {
  return cudaStreamCreateWithPriority(s, flags, 0);
}
API cudaError_t cudaStreamDestroy(cudaStream_t s) {
  std::lock_guard lock(runtime_mutex());
  return set_error(destroy_stream(s) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}
API cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  return set_error(synchronize(s));
}
API cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return on_stream(handle, [](Stream& s) {
    if (s.capture) return invalidate_capture(*s.capture, cudaErrorStreamCaptureUnsupported);
    if (s.empty()) return cudaSuccess;
    s.drain();  // asking again must succeed one day
    return cudaErrorNotReady;
  });
}
API cudaError_t cudaStreamGetFlags(cudaStream_t handle, unsigned* flags) {
  return on_stream(handle, [&](Stream& s) {
    *flags = s.flags();
    return cudaSuccess;
  });
}
API cudaError_t cudaStreamGetPriority(cudaStream_t handle, int* priority) {
  return on_stream(handle, [&](Stream& s) {
    *priority = s.priority();
    return cudaSuccess;
  });
}
API cudaError_t cudaStreamGetId(cudaStream_t handle, unsigned long long* id) {
  return on_stream(handle, [&](Stream& s) {
    *id = reinterpret_cast<unsigned long long>(s.handle());
    return cudaSuccess;
  });
}
API cudaError_t cudaStreamGetDevice(cudaStream_t handle, int* device) {
  return on_stream(handle, [&](Stream& s) {
    *device = s.device();
    return cudaSuccess;
  });
}
API cudaError_t cudaLaunchHostFunc(cudaStream_t s, cudaHostFn_t fn, void* data) {
  if (!fn) return set_error(cudaErrorInvalidValue);
  return set_error(enqueue(s, std::make_shared<HostOp>(cudaHostNodeParams{fn, data})));
}
API cudaError_t cudaStreamAddCallback(cudaStream_t s, cudaStreamCallback_t fn, void* data, unsigned flags) {
  if (!fn || flags) return set_error(cudaErrorInvalidValue);
  return set_error(enqueue(s, cudaGraphNodeTypeHost, [=] {
    fn(s, last_error(false), data);
    return cudaSuccess;
  }));
}

// ---- Events.
API cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned flags) {
  if (!e) return set_error(cudaErrorInvalidValue);
  std::lock_guard lock(runtime_mutex());
  auto* event = new Event;
  event->device = current_device();
  event->timing = !(flags & cudaEventDisableTiming);
  events().insert(event);
  *e = reinterpret_cast<cudaEvent_t>(event);
  return cudaSuccess;
}
API cudaError_t cudaEventCreate(cudaEvent_t* e) {
  return cudaEventCreateWithFlags(e, 0);
}
API cudaError_t cudaEventDestroy(cudaEvent_t handle) {
  std::lock_guard lock(runtime_mutex());
  Event* e = event_of(handle);
  if (!e) return set_error(cudaErrorInvalidResourceHandle);
  events().erase(e);
  delete e;
  return cudaSuccess;
}
API cudaError_t cudaEventRecordWithFlags(cudaEvent_t handle, cudaStream_t stream, unsigned flags) {
  return on_stream(stream, [&](Stream& s) {
    Event* e = event_of(handle);
    if (!e || e->device != s.device()) return cudaErrorInvalidResourceHandle;
    if (s.capture && (flags & cudaEventRecordExternal)) return enqueue(stream, graph_record_op(*e));
    if (s.capture) {
      if (s.capture->invalid) return cudaErrorStreamCaptureInvalidated;
      e->capture_id = s.capture->id;
      e->captured = s.capture_tail;
      return cudaSuccess;
    }
    e->capture_id = 0;
    OpPtr op = record_op(*e);
    const auto record = e->record;
    // The place must be known before the queue runs: nothing waits for this record yet, so it is set after the fact.
    const cudaError_t result = enqueue(stream, std::move(op));
    record->point = s.tail();
    return result;
  });
}
API cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  return cudaEventRecordWithFlags(e, s, 0);
}
API cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  std::lock_guard lock(runtime_mutex());
  Event* e = event_of(handle);
  if (!e) return set_error(cudaErrorInvalidResourceHandle);
  if (e->capture_id) return set_error(cudaErrorCapturedEvent);
  return e->record && !e->record->done ? set_error(synchronize(e->record->point)) : cudaSuccess;
}
API cudaError_t cudaEventQuery(cudaEvent_t handle) {
  std::lock_guard lock(runtime_mutex());
  Event* e = event_of(handle);
  if (!e) return set_error(cudaErrorInvalidResourceHandle);
  if (e->capture_id) return set_error(cudaErrorCapturedEvent);
  if (!e->record || e->record->done) return cudaSuccess;
  synchronize(e->record->point);  // asking again must succeed one day
  return set_error(cudaErrorNotReady);
}
API cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  std::lock_guard lock(runtime_mutex());
  const Event *a = event_of(start), *b = event_of(end);
  if (!a || !b || !a->timing || !b->timing || !a->record || !b->record || a->device != b->device)
    return set_error(cudaErrorInvalidResourceHandle);
  if (!a->record->done || !b->record->done) return set_error(cudaErrorNotReady);
  *ms = std::chrono::duration<float, std::milli>(b->record->at - a->record->at).count();
  return cudaSuccess;
}
API cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t handle, unsigned flags) {
  return on_stream(stream, [&](Stream& s) {
    Event* e = event_of(handle);
    if (!e) return cudaErrorInvalidResourceHandle;
    if (s.capture && (flags & cudaEventWaitExternal)) return enqueue(stream, graph_wait_op(*e));
    if (e->capture_id) return capture_wait(s, e->capture_id, e->captured);
    if (s.capture && e->record) return invalidate_capture(*s.capture, cudaErrorStreamCaptureIsolation);
    if (e->record && !e->record->done) s.waits.push_back(e->record->point);
    return cudaSuccess;
  });
}

// ---- Capture.
API cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return on_stream(stream, [&](Stream& s) { return begin_capture(s, mode); });
}
API cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return on_stream(stream, [&](Stream& s) {
    Graph* g = nullptr;
    const cudaError_t e = end_capture(s, &g);
    *graph = reinterpret_cast<cudaGraph_t>(g);
    return e;
  });
}
API cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return on_stream(stream, [&](Stream& s) {
    *status = !s.capture           ? cudaStreamCaptureStatusNone
              : s.capture->invalid ? cudaStreamCaptureStatusInvalidated
                                   : cudaStreamCaptureStatusActive;
    return cudaSuccess;
  });
}
API cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                                         cudaGraph_t* graph, const cudaGraphNode_t** deps,
                                         const cudaGraphEdgeData** edges, size_t* count) {
  return on_stream(stream, [&](Stream& s) {
    *status = !s.capture           ? cudaStreamCaptureStatusNone
              : s.capture->invalid ? cudaStreamCaptureStatusInvalidated
                                   : cudaStreamCaptureStatusActive;
    if (*status != cudaStreamCaptureStatusActive) return cudaSuccess;
    if (id) *id = s.capture->id;
    if (graph) *graph = reinterpret_cast<cudaGraph_t>(s.capture->graph);
    if (deps) *deps = reinterpret_cast<const cudaGraphNode_t*>(s.capture_tail.data());
    if (edges) *edges = nullptr;
    if (count) *count = s.capture_tail.size();
    return cudaSuccess;
  });
}
API cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* deps,
                                                    const cudaGraphEdgeData* edges, size_t count, unsigned flags) {
  if (edges) return unsupported_call("cudaStreamUpdateCaptureDependencies with edge data");
  return on_stream(stream, [&](Stream& s) {
    if (!s.capture) return cudaErrorIllegalState;
    if (flags == cudaStreamSetCaptureDependencies) s.capture_tail.clear();
    for (size_t i = 0; i < count; ++i) {
      GraphNode* n = node_of(deps[i]);
      if (!n || n->graph != s.capture->graph) return cudaErrorInvalidValue;
      s.capture_tail.push_back(n);
    }
    return cudaSuccess;
  });
}
API cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  *mode = exchange_capture_mode(*mode);
  return cudaSuccess;
}
