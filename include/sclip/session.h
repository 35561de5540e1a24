// Session: the mutable half of inference: memory and a stream. One thread at a time; nothing allocates per window.
// It may be handed from thread to thread, and any number of sessions may share an engine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sclip/engine.h"
#include "sclip/explain.h"
#include "sclip/image_view.h"
#include "sclip/photo_features.h"
#include "sclip/photo_rows.h"
#include "sclip/run_control.h"
#include "sclip/segment_options.h"
#include "sclip/text_bank.h"

namespace sclip {

struct ClassStatistics {
  int64_t pixels = 0;
  double mean_score = 0;  // over the class's pixels; 0 when it has none
  float max_score = 0;
};

struct StageTimes {  // seconds; of a call for several photos, the photo's share by its windows
  double resize = 0;
  double encode = 0;  // window features
  double merge = 0;   // with refinement
};

// A photo, and where its results go: into memory of the caller's where it is given, else into the Segmentation.
struct PhotoRequest {
  ImageView photo{};
  PhotoRows* rows = nullptr;     // instead of `photo`: read once, within the call
  std::span<uint16_t> labels{};  // (H0, W0)
  std::span<float> scores{};     // (H0, W0)
  bool with_scores = true;       // where `scores` is empty
  std::span<float> logits{};     // (K, H0, W0) cosines before logit_scale, refined if labels are; empty: not wanted

  int width() const { return rows != nullptr ? rows->width() : photo.width; }
  int height() const { return rows != nullptr ? rows->height() : photo.height; }
};

struct Segmentation {
  int width = 0;                 // W0
  int height = 0;                // H0
  std::vector<uint16_t> labels;  // (H0, W0) class ids; empty when they went to the caller's memory
  std::vector<float> scores;     // (H0, W0) best class score, 0…1; empty likewise, or when not wanted
  std::vector<ClassStatistics> classes;
  ClassStatistics ignored;                    // pixels with SegmentOptions::ignore_label
  int resized_width = 0, resized_height = 0;  // of the photo as the model saw it
  int windows = 0;
  StageTimes times;
};

// Unit patch features of the whole set of windows: (B, h·w, E), and how they lie.
struct DenseFeatures {
  int windows = 0, grid_h = 0, grid_w = 0, embed_dim = 0;
  std::vector<float> data;
};

class Session {
 public:
  explicit Session(std::shared_ptr<const Engine> engine);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  // Windows of all photos share forwards where they have one size. A photo's results do not depend on its company: on
  // the CPU in f32 not in a bit.
  // Throws kInvalidArgument for what can never work (a bank of another engine, too), kOutOfMemory, kDevice, and
  // kCancelled when `control` asked to stop: within one group of windows, results then undefined, the session usable.
  // Progress is told as windows are computed, on a device as they are handed to it; a recorded run tells its end only.
  std::vector<Segmentation> segment(std::span<const PhotoRequest> requests, const TextBank& bank,
                                    const SegmentOptions& options, const RunControl& control = {});
  // The same into results of an earlier call, one for each request, whose memory is used again. On the CPU, where
  // photos of the sizes that came before go to memory of the caller's and nothing is told to `control`, neither memory
  // is asked for nor a thread started, but by oneDNN within its own calls (docs/performance.md).
  void segment(std::span<const PhotoRequest> requests, const TextBank& bank, const SegmentOptions& options,
               std::span<Segmentation> results, const RunControl& control = {});
  // One photo; `logits` as in PhotoRequest.
  Segmentation segment(const ImageView& photo, const TextBank& bank, const SegmentOptions& options,
                       std::span<float> logits = {}, const RunControl& control = {});

  // Runs the image tower and keeps what it found, for any number of words: `segment` below. Throws kUnsupported for a
  // policy that looks at the words.
  std::shared_ptr<const PhotoFeatures> read(const ImageView& photo, const SegmentOptions& options,
                                            const RunControl& control = {});
  // Several photos, whose windows share forwards where they have one size: each as if it were read alone, on the CPU in
  // f32 not a bit else. Photos that are asked for different words are computed together so.
  std::vector<std::shared_ptr<const PhotoFeatures>> read(std::span<const ImageView> photos,
                                                         const SegmentOptions& options, const RunControl& control = {});
  // What `segment` gives for the photo that was read: on the CPU in f32 not a bit else. Of the options logit_scale,
  // prob_thd, ignore_label and area_thd count; a refinement needs the photo and is kUnsupported. `request` says where
  // the results go; it has no photo.
  Segmentation segment(const PhotoFeatures& features, const TextBank& bank, const SegmentOptions& options,
                       PhotoRequest request = {});
  // The same into a result of an earlier call.
  void segment(const PhotoFeatures& features, const TextBank& bank, const SegmentOptions& options, PhotoRequest request,
               Segmentation& result);
  // (windows, h·w, E) to memory of the caller's, which has as many floats.
  void copy_features(const PhotoFeatures& features, std::span<float> to);
  // CLIP's own read-out: class-token embedding of the photo as OpenAI preprocesses it (bicubic, centre crop);
  // (E), unit length.
  std::vector<float> embed_image(const ImageView& photo);

  DenseFeatures dense_features(const ImageView& photo, const SegmentOptions& options, const RunControl& control = {});

  // Of each point, where its patch looks or what looks like it (sclip/explain.h). `bank`: for policies that read the
  // words. Throws kInvalidArgument for a point outside the photo and a block that is not there, kUnsupported for
  // attention that is no single map.
  std::vector<PatchMap> patch_maps(const ImageView& photo, const MapRequest& request, const SegmentOptions& options,
                                   const TextBank* bank = nullptr, const RunControl& control = {});
  // The planes of PhotoRequest::logits, unrefined, query by query: for who need not hold them all.
  void cosine_planes(const ImageView& photo, const TextBank& bank, const SegmentOptions& options, const OnPlane& use,
                     const RunControl& control = {});

  // (texts, E), unit length; no templates are applied.
  std::vector<float> embed_texts(std::span<const std::string> texts, bool truncate = false,
                                 const RunControl& control = {});

  const Engine& engine() const;

  // Gives back the memory kept for later calls, this session's and what the engine keeps for all.
  void trim();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Zero-shot classification: softmax(s · cosine) over queries, s the scale that the model has learned
// (ModelConfig::logit_scale) unless another is given; maximum over a class's queries. (classes)
std::vector<float> classify(Session& session, const ImageView& photo, const TextBank& bank,
                            std::optional<float> logit_scale = {});

}  // namespace sclip
