// WindowEncoder: all windows of a photo through the vision tower and a dense head, in the way that suits the backend.
//
// A device takes batches of windows on one stream. A CPU is fastest when each thread takes whole windows by itself:
// no thread waits for another inside a layer, and a window's activations stay in its core's cache. What does not
// divide evenly among the threads is computed by all of them together.
// Belongs to one thread; its memory grows to the largest photo so far.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "backends/backend.h"
#include "engine/dense_head/dense_head.h"
#include "engine/growing_memory.h"
#include "engine/vision_encoder.h"
#include "sclip/run_control.h"

namespace sclip {

class WindowEncoder {
 public:
  // Both outlive the object.
  WindowEncoder(const VisionEncoder& vision, const Backend& backend) : vision_(vision), backend_(backend) {}

  struct Photo {
    const float* image = nullptr;  // (3, H, W) normalised, backend memory
    int64_t height = 0, width = 0;
    const PatchOrigin* windows = nullptr;         // backend memory
    int64_t count = 0;                            // windows
    int64_t window_height = 0, window_width = 0;  // pixels
    const PlanNeeds* needs = nullptr;             // the head's for these windows; null: it is asked for them
  };
  // Takes the features (B, h·w, E) of windows first … first + B − 1, B = runner.batch(): backend memory, valid during
  // the call, as is what the head left in its buffers.
  // Calls for different windows come from several threads at once, each with its own runner and stream.
  using Use = std::function<void(BlockRunner& runner, int64_t first, const float* features)>;

  // `batch`: windows in one forward; 0: the backend's choice. `stream` has the photo's upload behind it.
  void encode(Stream& stream, const Photo& photo, const DenseHead& head, int64_t batch, const RunControl& control,
              const Use& use);
  void trim();

  // Changes when memory moved that earlier calls used: recordings of them are void then.
  uint64_t generation() const;

 private:
  struct Worker {
    std::unique_ptr<Stream> stream;
    std::deque<VisionPlan> plans;  // of the latest shapes of window
    uint64_t plans_made = 0;
    GrowingMemory arena, features;
  };
  // Windows of one size under one head: what all groups of one call share.
  struct Job {
    const DenseHead& head;
    WindowBatch windows;  // all of them
    const PlanNeeds& needs;
    int64_t batch = 0;  // windows of a full group
    const RunControl* control = nullptr;
  };
  PlanNeeds needs_of(const Photo& photo, const DenseHead& head) const;
  Job make_job(const Photo& photo, const DenseHead& head, const PlanNeeds& needs, int64_t batch) const;
  // The plan in the worker's memory.
  VisionPlan& plan_for(Worker& worker, const Job& job, int64_t count) const;
  VisionPlan& latest_plan(Worker& worker, const Job& job, int64_t count) const;
  // Windows first … first + count − 1.
  void run(Worker& worker, Stream& stream, const Job& job, int64_t first, int64_t count, const Use& use) const;
  // Windows in one forward, where the caller leaves it open: measured where the backend is tuned.
  int64_t usual_batch(Stream& stream, const Photo& photo, const DenseHead& head, const PlanNeeds& needs) const;
  double microseconds_a_window(Stream& stream, const Photo& photo, const DenseHead& head, int64_t batch) const;
  // What the head keeps of the whole photo; null when it keeps nothing.
  const float* read_photo(Stream& stream, const Photo& photo, const DenseHead& head);

  const VisionEncoder& vision_;
  const Backend& backend_;
  std::vector<Worker> workers_;
  GrowingMemory kept_;              // of the whole photo, by the head
  std::unique_ptr<Memory> corner_;  // the whole photo's PatchOrigin
};

}  // namespace sclip
