// Segmenter: from photos and a text bank to labels. The part of a session that segments, and its memory.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/transfer.h"
#include "core/stopwatch.h"
#include "engine/growing_memory.h"
#include "engine/paired_rows.h"
#include "engine/refined_labels.h"
#include "engine/segment_plan.h"
#include "engine/window_encoder.h"
#include "kernels/label_planes/label_rule.h"
#include "sclip/engine.h"
#include "sclip/run_control.h"
#include "sclip/session.h"

namespace sclip {

class Segmenter {
 public:
  // Both outlive the object.
  Segmenter(const Engine& engine, Stream& stream);

  // Checked arguments (engine/validate.h): a request each, with valid photos and buffers of the right sizes.
  std::vector<Segmentation> segment(std::span<const PhotoRequest> requests, const TextBank& bank,
                                    const SegmentOptions& options, const RunControl& control);
  DenseFeatures dense_features(const ImageView& photo, const SegmentOptions& options, const RunControl& control);

  void trim();

 private:
  // Where the results of a photo go.
  struct Results {
    Delivery<uint16_t> labels;
    Delivery<float> scores, logits;
    Delivery<LabelStatistics> statistics;
    LabelOutputs out;              // of this call, in memory that kernels write
    float* full_logits = nullptr;  // (K, H0, W0), or null
  };
  // The photo in memory that kernels read, or the rows of it that they look at.
  ImageView photo_of(const PhotoRequest& request, const PhotoPlan& plan, size_t i, const RunControl& control);
  // What is measured of a call, in seconds.
  struct Watch {
    Stopwatch watch;
    StageTimes times;
  };

  std::shared_ptr<const DenseHead> head_for(const std::string& policy, const TextBank* bank);
  SegmentPlan& plan_for(std::span<const PhotoKey> keys, const SegmentOptions& options, const TextBank& bank);
  void begin_results(const SegmentPlan& plan, const TextBank& bank, std::span<const PhotoRequest> requests,
                     std::span<Segmentation> out, std::vector<std::vector<LabelStatistics>>& statistics);

  // Photos in backend memory → results. Without `watch` nothing waits for the device, as a recording demands.
  void run(std::span<const ImageView> photos, const SegmentPlan& plan, const TextBank& bank, const RunControl& control,
           Watch* watch);
  void run_recorded(std::span<const ImageView> photos, SegmentPlan& plan, const TextBank& bank);
  // Every photo to its place in its group's atlas.
  void resize(std::span<const ImageView> photos, const SegmentPlan& plan);
  void encode(const SegmentPlan& plan, const WindowEncoder::Use& use, size_t group, const RunControl& control);
  LabelRule rule_of(const SegmentPlan& plan, const TextBank& bank) const;
  void label(const SegmentPlan& plan, size_t photo, const TextBank& bank);
  void label_refined(const ImageView& view, const SegmentPlan& plan, size_t photo, const TextBank& bank,
                     const RunControl& control);
  // Changes when memory moved that a recording may refer to.
  uint64_t generation() const;

  static constexpr size_t kPlans = 8;

  const Engine& engine_;
  const Backend& backend_;
  Stream& stream_;
  WindowEncoder windows_;
  std::shared_ptr<const DenseHead> head_;  // the latest
  std::string head_policy_;
  uint64_t head_bank_ = 0;
  std::deque<SegmentPlan> plans_;  // of the latest calls
  std::deque<PhotoUpload> uploads_;
  std::deque<PairedRows> paired_;  // of the call's photos that come row by row
  std::deque<Results> results_;
  GrowingMemory atlas_, logits_, unread_scores_;
  GrowingMemory guide_;  // of a refinement
  RefinedLabels refined_;
};

}  // namespace sclip
