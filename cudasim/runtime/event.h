// Events: a record is a place in a stream, or nodes of a capture. Recording again starts a new record, so that what
// waits for the old one is not affected.
#pragma once
#include <cuda_runtime_api.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/graph.h"
#include "runtime/stream.h"

namespace cudasim {

struct Record {
  bool done = false;
  Point point;
  std::chrono::steady_clock::time_point at;
};

struct Event {
  bool timing = true;
  int device = 0;
  std::shared_ptr<Record> record;  // null: never recorded
  uint64_t capture_id = 0;         // of the capture that recorded it last, else 0
  std::vector<GraphNode*> captured;
};

Event* event_of(cudaEvent_t handle);  // null for an unknown handle
OpPtr record_op(Event& e);            // starts a new record
OpPtr graph_record_op(Event& e);      // as a graph node: each launch records anew
OpPtr graph_wait_op(Event& e);

}  // namespace cudasim
