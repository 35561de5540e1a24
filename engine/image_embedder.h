// ImageEmbedder: CLIP's embedding of a whole photo. The part of a session that does it, and its memory.
#pragma once

#include <vector>

#include "backends/transfer.h"
#include "engine/vision_encoder.h"
#include "sclip/engine.h"
#include "sclip/image_view.h"

namespace sclip {

class ImageEmbedder {
 public:
  // Both outlive the object.
  ImageEmbedder(const Engine& engine, Stream& stream);
  // (E), unit length: bicubic to the model's short side, centre crop, class token.
  std::vector<float> embed(const ImageView& photo);

 private:
  const Engine& engine_;
  Stream& stream_;
  VisionPlan plan_;
  PhotoUpload upload_;
  std::unique_ptr<Memory> arena_;   // the plan's
  std::unique_ptr<Memory> planes_;  // (3, S, S)
  std::unique_ptr<Memory> corner_;  // PatchOrigin
  Delivery<float> features_;        // (E)
};

}  // namespace sclip
