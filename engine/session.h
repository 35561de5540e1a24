// Session: the mutable half of inference: memory and a stream. One per thread; nothing allocates per window.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/image_view.h"
#include "engine/engine.h"
#include "engine/segment_options.h"
#include "engine/text_bank.h"

namespace sclip {

struct ClassStatistics {
  int64_t pixels = 0;
  double mean_score = 0;  // over the class's pixels; 0 when it has none
  float max_score = 0;
};

struct StageTimes {  // seconds
  double resize = 0;
  double encode = 0;  // window features
  double merge = 0;
};

struct Segmentation {
  int width = 0;                 // W0
  int height = 0;                // H0
  std::vector<uint16_t> labels;  // (H0, W0) class ids
  std::vector<float> scores;     // (H0, W0) best class score, 0…1
  std::vector<ClassStatistics> classes;
  int windows = 0;
  StageTimes times;
};

// (K, H0, W0) f32 to be filled with cosine logits before logit_scale; or null.
struct LogitsSink {
  float* data = nullptr;
};

class Session {
 public:
  explicit Session(std::shared_ptr<const Engine> engine);
  ~Session();

  // Throws kInvalidArgument for options that cannot work, kOutOfMemory, kDevice.
  Segmentation segment(ImageView photo, const TextBank& bank, const SegmentOptions& options, LogitsSink logits = {});

  // CLIP's own read-out: class-token embedding of the photo as OpenAI preprocesses it (bicubic, centre crop);
  // (E), unit length.
  std::vector<float> embed_image(ImageView photo);

  // Unit patch features of the whole set of windows: (B, h·w, E), and how they lie.
  struct DenseFeatures {
    int windows = 0, grid_h = 0, grid_w = 0, embed_dim = 0;
    std::vector<float> data;
  };
  DenseFeatures dense_features(ImageView photo, const SegmentOptions& options);

  // (texts, E), unit length; no templates are applied.
  std::vector<float> embed_texts(std::span<const std::string> texts, bool truncate = false);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Zero-shot classification: softmax(100 · cosine) over queries, maximum over a class's queries. (classes)
std::vector<float> classify(Session& session, ImageView photo, const TextBank& bank);

}  // namespace sclip
