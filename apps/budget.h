// --budget-ms: the stride, precision and batch that keep a photo within a time on this machine.
#pragma once

#include <memory>
#include <string>

#include "apps/run_options.h"
#include "sclip/engine.h"
#include "sclip/run_plan.h"

namespace sclip {

struct Budget {
  std::shared_ptr<const Engine> engine;  // of the chosen precision
  SegmentOptions options;
  RunChoice choice;
  std::string sentence;  // what was chosen, for people
};

// Measures, and chooses for a photo of width × height. What the command line gives is kept: --stride, --window-batch,
// --precision. Throws kInvalidArgument, with what is possible, where nothing keeps within the time.
Budget choose_for_budget(const ModelFlags& model, const SegmentFlags& segment, int64_t queries, int width, int height,
                         double milliseconds);

}  // namespace sclip
