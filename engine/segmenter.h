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
#include "sclip/photo_features.h"
#include "sclip/run_control.h"
#include "sclip/session.h"

namespace sclip {

class Segmenter {
 public:
  // Both outlive the object.
  Segmenter(const Engine& engine, Stream& stream);

  // Checked arguments (engine/validate.h): a request each, with valid photos and buffers of the right sizes.
  // Results may be those of an earlier call; their memory is used again.
  void segment(std::span<const PhotoRequest> requests, const TextBank& bank, const SegmentOptions& options,
               const RunControl& control, std::span<Segmentation> out);
  DenseFeatures dense_features(const ImageView& photo, const SegmentOptions& options, const RunControl& control);
  // Of each photo. `engine` is this segmenter's. Throws kUnsupported for a policy that looks at the words.
  std::vector<std::shared_ptr<const PhotoFeatures>> read(std::shared_ptr<const Engine> engine,
                                                         std::span<const ImageView> photos,
                                                         const SegmentOptions& options, const RunControl& control);
  // As `segment` for the photo that was read. `request` has its size and no pixels.
  void segment(const PhotoFeatures& features, const PhotoRequest& request, const TextBank& bank,
               const SegmentOptions& options, Segmentation& out);

  void trim();

 private:
  // Where the results of a photo go.
  struct Results {
    Delivery<uint16_t> labels;
    Delivery<float> scores, logits;
    Delivery<LabelStatistics> statistics;
    std::vector<LabelStatistics> host_statistics;
    LabelOutputs out;              // of this call, in memory that kernels write
    float* full_logits = nullptr;  // (K, H0, W0), or null
    // Where the head settles labels (DenseHead::settle), on the host:
    std::vector<float> left;        // its buffer
    std::vector<float> own_scores;  // where nobody asked for them
    std::span<uint16_t> host_labels;
    const float* host_scores = nullptr;
  };
  // The photo in memory that kernels read, or the rows of it that they look at.
  ImageView photo_of(const PhotoRequest& request, const PhotoPlan& plan, size_t i, const RunControl& control);
  // What is measured of a call, in seconds.
  struct Watch {
    Stopwatch watch;
    StageTimes times;
  };

  // What the head left of each photo's window, on its way to the host; and what it makes of the labels with it.
  void fetch_left(const SegmentPlan& plan);
  void settle(const SegmentPlan& plan, size_t photo);

  std::shared_ptr<const DenseHead> head_for(const SegmentOptions& options, const TextBank* bank);
  SegmentPlan& plan_for(std::span<const PhotoKey> keys, const SegmentOptions& options, const TextBank& bank);
  // What the scores are needed for where the caller does not want them: nothing, the sums of a refinement, or, whole
  // and on the host, settling.
  enum class UnwantedScores : uint8_t { kNone, kSums, kKept };
  static UnwantedScores needs_of_scores(const SegmentPlan& plan);
  void begin_results(int64_t slots, UnwantedScores unwanted, int64_t queries, std::span<const PhotoRequest> requests,
                     std::span<Segmentation> out);
  // Waits, and lays everything where it was wanted. `settling`: the plan whose head may settle labels, or null.
  void finish_results(std::span<Segmentation> out, bool with_ignored, const SegmentPlan* settling);

  // Photos in backend memory → results. Without `watch` nothing waits for the device, as a recording demands.
  void run(std::span<const ImageView> photos, const SegmentPlan& plan, const TextBank& bank, const RunControl& control,
           Watch* watch);
  void run_recorded(std::span<const ImageView> photos, SegmentPlan& plan, const TextBank& bank);
  // Every photo to its place in its group's atlas.
  void resize(std::span<const ImageView> photos, const SegmentPlan& plan);
  void encode(const SegmentPlan& plan, const WindowEncoder::Use& use, size_t group, const RunControl& control);
  // `query_class` (K) i32, backend memory.
  static LabelRule rule_of(const SegmentOptions& options, const Memory& query_class, const TextBank& bank);
  // Cosines (patches of the plan, K) → the photo's results.
  void label(const SegmentPlan& plan, size_t photo, const float* cosines, const LabelRule& rule);
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
  float head_temperature_ = 1;
  uint64_t head_bank_ = 0;
  std::deque<SegmentPlan> plans_;  // of the latest calls
  std::vector<PhotoKey> keys_;     // of the call's photos
  std::vector<ImageView> views_;   // of them, where kernels read them
  std::deque<PhotoUpload> uploads_;
  std::deque<PairedRows> paired_;  // of the call's photos that come row by row
  std::deque<Results> results_;
  GrowingMemory atlas_, logits_, unread_scores_;
  GrowingMemory guide_;  // of a refinement
  GrowingMemory left_;   // the head's buffer that settles labels, of all windows
  // The classes of the latest words that were asked of features.
  std::unique_ptr<Memory> asked_classes_;
  uint64_t asked_bank_ = 0;
  RefinedLabels refined_;
};

}  // namespace sclip
