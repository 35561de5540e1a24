// VisionEncoder: CLIP's ViT: patch embedding, blocks, final norm and projection.
//
// How patches are read out is a DenseHead's affair (engine/dense_head); the class token is read out as CLIP does it.
// Immutable; shared by threads. A VisionPlan holds the memory for one shape of batch and belongs to one thread.
#pragma once

#include "engine/block_runner.h"
#include "engine/vision_plan.h"
#include "engine/vision_weights.h"

namespace sclip {

class VisionEncoder {
 public:
  VisionEncoder(const WeightBlob& blob, const Backend& backend) : backend_(backend), weights_(blob, backend) {}

  VisionPlan make_plan(int64_t max_batch, int64_t grid_h, int64_t grid_w, const PlanNeeds& needs = {}) const {
    return {weights_, backend_, max_batch, grid_h, grid_w, needs};
  }
  WindowShape window_shape(int64_t grid_h, int64_t grid_w) const {
    return sclip::window_shape(weights_, grid_h, grid_w);
  }
  // Embeds the windows' patches. The blocks are the caller's to run; stream and plan outlive what is returned.
  BlockRunner begin(Stream& stream, VisionPlan& plan, const WindowBatch& windows) const;
  // CLIP's image embedding of each window: unit vectors (B, E), f32, backend memory.
  void embed(Stream& stream, VisionPlan& plan, const WindowBatch& windows, float* features) const;

  int64_t embed_dim() const { return weights_.embed_dim; }
  int64_t blocks() const { return weights_.config.layers; }
  int64_t patch_size() const { return weights_.config.patch_size; }

 private:
  const Backend& backend_;
  VisionWeights weights_;
};

}  // namespace sclip
