#include "runtime/capture.h"

#include <algorithm>
#include <unordered_set>

namespace cudasim {

namespace {
std::vector<std::unique_ptr<Capture>>& captures() {
  static auto* c = new std::vector<std::unique_ptr<Capture>>;
  return *c;
}
thread_local cudaStreamCaptureMode t_mode = cudaStreamCaptureModeGlobal;

void add_unique(std::vector<GraphNode*>& to, const std::vector<GraphNode*>& from) {
  for (GraphNode* n : from)
    if (std::find(to.begin(), to.end(), n) == to.end()) to.push_back(n);
}

// Everything that the nodes depend on, and they themselves.
std::unordered_set<const GraphNode*> ancestors(std::vector<GraphNode*> open) {
  std::unordered_set<const GraphNode*> seen;
  while (!open.empty()) {
    GraphNode* n = open.back();
    open.pop_back();
    if (!seen.insert(n).second) continue;
    open.insert(open.end(), n->deps.begin(), n->deps.end());
  }
  return seen;
}

void each_member(const Capture& c, const std::function<void(Stream&)>& visit) {
  for_each_stream([&](Stream& s) {
    if (s.capture == &c) visit(s);
  });
}
}  // namespace

cudaError_t begin_capture(Stream& s, cudaStreamCaptureMode mode) {
  if (s.legacy()) return cudaErrorStreamCaptureUnsupported;  // real CUDA refuses it as well
  if (s.capture) return cudaErrorIllegalState;
  static uint64_t serial = 0;
  auto c = std::make_unique<Capture>();
  c->graph = create_graph();
  c->origin = &s;
  c->mode = mode;
  c->thread = std::this_thread::get_id();
  c->id = ++serial;
  s.capture = c.get();
  s.capture_tail.clear();
  captures().push_back(std::move(c));
  return cudaSuccess;
}

cudaError_t end_capture(Stream& s, Graph** graph) {
  *graph = nullptr;
  Capture* c = s.capture;
  if (!c) return cudaErrorIllegalState;
  if (c->origin != &s) return cudaErrorStreamCaptureUnmatched;
  if (c->mode != cudaStreamCaptureModeRelaxed && c->thread != std::this_thread::get_id())
    return cudaErrorStreamCaptureWrongThread;
  cudaError_t e = c->invalid ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
  const auto reached = ancestors(s.capture_tail);
  each_member(*c, [&](Stream& member) {
    for (const GraphNode* n : member.capture_tail)
      if (e == cudaSuccess && !reached.count(n)) e = cudaErrorStreamCaptureUnjoined;
  });
  each_member(*c, [](Stream& member) {
    member.capture = nullptr;
    member.capture_tail.clear();
  });
  if (e == cudaSuccess)
    *graph = c->graph;
  else
    destroy_graph(c->graph);
  std::erase_if(captures(), [&](const auto& x) { return x.get() == c; });
  return e;
}

cudaError_t capture_op(Stream& s, OpPtr op) {
  if (s.capture->invalid) return cudaErrorStreamCaptureInvalidated;
  GraphNode* n = s.capture->graph->add(std::move(op), s.capture_tail);
  s.capture_tail = {n};
  return cudaSuccess;
}

cudaError_t capture_wait(Stream& s, uint64_t capture_id, const std::vector<GraphNode*>& nodes) {
  Capture* c = nullptr;
  for (auto& x : captures())
    if (x->id == capture_id) c = x.get();
  if (!c) return cudaErrorCapturedEvent;  // the capture has ended
  if (s.legacy()) return invalidate_capture(*c, cudaErrorStreamCaptureImplicit);
  if (s.capture && s.capture != c) return invalidate_capture(*c, cudaErrorStreamCaptureMerge);
  if (!s.capture) {
    s.capture = c;
    s.capture_tail.clear();
  }
  add_unique(s.capture_tail, nodes);
  return cudaSuccess;
}

void leave_capture(Stream& s) {
  if (!s.capture) return;
  Capture* c = s.capture;
  c->invalid = true;
  s.capture = nullptr;
  if (c->origin != &s) return;
  each_member(*c, [](Stream& member) { member.capture = nullptr; });
  destroy_graph(c->graph);
  std::erase_if(captures(), [&](const auto& x) { return x.get() == c; });
}

cudaError_t invalidate_capture(Capture& c, cudaError_t error) {
  c.invalid = true;
  return error;
}

cudaError_t implicit_during_capture() {
  cudaError_t e = cudaSuccess;
  for_each_stream([&](Stream& s) {
    if (s.capture && s.blocking()) e = invalidate_capture(*s.capture, cudaErrorStreamCaptureImplicit);
  });
  return e;
}

cudaError_t unsafe_during_capture() {
  if (t_mode == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  cudaError_t e = cudaSuccess;
  for (auto& c : captures()) {
    const bool own = c->thread == std::this_thread::get_id();
    const bool forbids = c->mode == cudaStreamCaptureModeGlobal ? own || t_mode == cudaStreamCaptureModeGlobal
                                                                : c->mode == cudaStreamCaptureModeThreadLocal && own;
    if (forbids) e = invalidate_capture(*c, cudaErrorStreamCaptureUnsupported);
  }
  return e;
}

cudaError_t synchronize_during_capture() {
  cudaError_t e = cudaSuccess;
  for (auto& c : captures()) e = invalidate_capture(*c, cudaErrorStreamCaptureUnsupported);
  return e;
}

cudaStreamCaptureMode exchange_capture_mode(cudaStreamCaptureMode mode) {
  return std::exchange(t_mode, mode);
}

}  // namespace cudasim
