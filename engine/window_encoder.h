// WindowEncoder: all windows of a photo through the vision tower, in the way that suits the backend.
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
#include "engine/growing_memory.h"
#include "engine/vision_encoder.h"

namespace sclip {

class WindowEncoder {
 public:
  // Both outlive the object.
  WindowEncoder(const VisionEncoder& vision, const Backend& backend) : vision_(vision), backend_(backend) {}

  struct Photo {
    const float* image = nullptr;  // (3, H, W) normalised, backend memory
    int64_t height = 0, width = 0;
    const PatchOrigin* windows = nullptr;  // backend memory
    int64_t count = 0;                     // windows
    int64_t grid_h = 0, grid_w = 0;        // patches of a window
  };
  // Takes the features (count, h·w, E) of windows first … first + count − 1: backend memory, valid during the call.
  // Calls for different windows come from several threads at once, each with its own stream.
  using Use = std::function<void(Stream& stream, int64_t first, int64_t count, const float* features)>;

  // `batch`: windows in one forward; 0: the backend's choice. `stream` has the photo's upload behind it.
  void encode(Stream& stream, const Photo& photo, const AttentionPolicy& policy, int64_t batch, const Use& use);

  // Changes when memory moved that earlier calls used: recordings of them are void then.
  uint64_t generation() const;

 private:
  struct Worker {
    std::unique_ptr<Stream> stream;
    std::deque<VisionPlan> plans;  // of the latest shapes of window
    uint64_t plans_made = 0;
    GrowingMemory features;
  };
  VisionPlan& plan_for(Worker& worker, const Photo& photo, int64_t batch, int64_t count) const;
  void run(Worker& worker, Stream& stream, const Photo& photo, const AttentionPolicy& policy, int64_t batch,
           int64_t first, int64_t count, const Use& use) const;

  const VisionEncoder& vision_;
  const Backend& backend_;
  std::vector<Worker> workers_;
};

}  // namespace sclip
