// RefinedLabels: planes of cosines, refined at the photo's size, to labels: a few queries at a time, so that K planes
// are never held. PEARL's propagation couples the queries: it holds all of them on a coarse grid.
// Keeps its memory for the next photo; belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "backends/backend.h"
#include "engine/growing_memory.h"
#include "kernels/label_planes/label_planes.h"
#include "kernels/window_merge/window_merge.h"
#include "sclip/run_control.h"
#include "sclip/segment_options.h"
#include "sclip/text_bank.h"

namespace sclip {

class RefinedLabels {
 public:
  struct Photo {
    WindowLogits windows;          // the cosines
    const float* guide = nullptr;  // (3, H, W) normalised, contiguous
    LabelRule rule;
    LabelOutputs out;
    float* full_logits = nullptr;  // (K, H0, W0) to be left refined, or null
    const TextBank* bank = nullptr;
  };
  // Waits for the stream where there is an area filter. `control` is looked at between groups of queries.
  void run(const Backend& backend, Stream& stream, const Photo& photo, const Refinement& refine,
           const RunControl& control);
  void trim();

 private:
  // What stands between planes and labels: makes the refined planes of queries first … first + count − 1.
  using MakePlanes = std::function<void(int64_t first, int64_t count, float* planes)>;
  void label(const Backend& backend, Stream& stream, const Photo& photo, int64_t at_once, const RunControl& control,
             const MakePlanes& make);
  void smooth(const Backend& backend, Stream& stream, const Photo& photo, const Refinement& refine,
              const RunControl& control);
  void propagate(const Backend& backend, Stream& stream, const Photo& photo, const Refinement& refine,
                 const RunControl& control);

  GrowingMemory weights_, planes_, state_, propagation_;
  std::unique_ptr<Memory> certainty_;  // of the latest words
  uint64_t certain_bank_ = 0;
};

}  // namespace sclip
