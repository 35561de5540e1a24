// RefinedLabels: planes of cosines, refined at the photo's size, to labels: a few queries at a time, so that K planes
// are never held. Keeps its memory for the next photo; belongs to one thread.
#pragma once

#include <cstdint>

#include "backends/backend.h"
#include "engine/growing_memory.h"
#include "kernels/label_planes/label_planes.h"
#include "kernels/window_merge/window_merge.h"
#include "sclip/run_control.h"
#include "sclip/segment_options.h"

namespace sclip {

class RefinedLabels {
 public:
  struct Photo {
    WindowLogits windows;          // the cosines
    const float* guide = nullptr;  // (3, H, W) normalised, contiguous
    LabelRule rule;
    LabelOutputs out;
    float* full_logits = nullptr;  // (K, H0, W0) to be left refined, or null
  };
  // Waits for the stream where there is an area filter. `control` is looked at between groups of queries.
  void run(const Backend& backend, Stream& stream, const Photo& photo, const Refinement& refine,
           const RunControl& control);
  void trim();

 private:
  GrowingMemory weights_, planes_, state_;
};

}  // namespace sclip
