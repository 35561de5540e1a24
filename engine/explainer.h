// Explainer: maps of single points, and planes of cosines one by one. The part of a session that does it, and its
// memory.
#pragma once

#include <memory>
#include <vector>

#include "backends/transfer.h"
#include "engine/growing_memory.h"
#include "engine/segment_plan.h"
#include "engine/window_encoder.h"
#include "sclip/engine.h"
#include "sclip/explain.h"
#include "sclip/run_control.h"
#include "sclip/text_bank.h"

namespace sclip {

class Explainer {
 public:
  // Both outlive the object.
  Explainer(const Engine& engine, Stream& stream);

  // A map for each point. Checked photo and options; `bank` may be null where the policy works without words.
  std::vector<PatchMap> patch_maps(const ImageView& photo, const MapRequest& request, const SegmentOptions& options,
                                   const TextBank* bank, const RunControl& control);
  // Every query's plane in order.
  void cosine_planes(const ImageView& photo, const TextBank& bank, const SegmentOptions& options, const OnPlane& use,
                     const RunControl& control);

 private:
  // The photo's windows, and its pixels in `image_`.
  SegmentPlan lay_out(const ImageView& photo, const SegmentOptions& options, std::shared_ptr<const DenseHead> head);

  const Engine& engine_;
  const Backend& backend_;
  Stream& stream_;
  WindowEncoder windows_;
  PhotoUpload upload_;
  GrowingMemory image_, cosines_, planes_;
};

}  // namespace sclip
