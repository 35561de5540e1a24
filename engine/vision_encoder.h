// VisionEncoder: CLIP's ViT over windows of a normalised photo, with a policy for the last block's attention.
//
// Immutable; shared by threads. A VisionPlan holds the memory for one shape of batch and belongs to one thread.
#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "core/arena.h"
#include "engine/attention_policy.h"
#include "engine/transformer.h"
#include "kernels/patch_embed/patch_embed.h"

namespace sclip {

enum class Readout : uint8_t {
  kPatches,     // every patch: (B, h·w, E)
  kClassToken,  // CLIP's image embedding: (B, E)
};

// Memory and constants for up to `max_batch` windows of h×w patches.
class VisionPlan {
 public:
  int64_t max_batch() const { return max_batch_; }
  int64_t grid_h() const { return grid_h_; }
  int64_t grid_w() const { return grid_w_; }

 private:
  friend class VisionEncoder;
  int64_t max_batch_ = 0, grid_h_ = 0, grid_w_ = 0;
  std::unique_ptr<Memory> arena_;
  std::unique_ptr<Memory> positions_;  // (N, C)
  std::unique_ptr<Memory> locality_;   // (N, N) for policies that add a Gaussian
  float locality_sigma_ = 0;
  size_t tokens_ = 0, normed_ = 0, qkv_ = 0, hidden_ = 0;  // offsets in the arena
};

class VisionEncoder {
 public:
  VisionEncoder(const WeightBlob& blob, const Backend& backend);

  VisionPlan make_plan(int64_t max_batch, int64_t grid_h, int64_t grid_w) const;

  struct Input {
    const float* image = nullptr;          // (3, H, W) normalised, backend memory
    int64_t height = 0, width = 0;         // H, W
    const PatchOrigin* windows = nullptr;  // (batch), backend memory
    int64_t batch = 0;                     // ≤ plan.max_batch()
  };
  // Writes unit vectors to `features`: (B, h·w, E) or (B, E), f32, backend memory.
  void encode(Stream& stream, VisionPlan& plan, const Input& input, const AttentionPolicy& policy, Readout readout,
              float* features) const;

  int64_t embed_dim() const { return embed_dim_; }

 private:
  void block(Stream& stream, VisionPlan& plan, const BlockWeights& weights, int64_t batch,
             const AttentionPolicy& policy, bool last) const;
  const float* locality_bias(Stream& stream, VisionPlan& plan, float sigma) const;

  const Backend& backend_;
  VisionConfig config_;
  int64_t embed_dim_ = 0;
  float eps_ = 0;
  std::unique_ptr<Linear> patch_embed_;
  std::unique_ptr<Memory> class_embedding_;
  std::vector<float> position_table_;  // (N, C) of the native grid, host memory
  NormWeights ln_pre_, ln_post_;
  std::vector<BlockWeights> blocks_;
  std::unique_ptr<Linear> last_out_;  // the last block's output projection without the residual
  std::unique_ptr<Linear> projection_;
};

}  // namespace sclip
