// VisionWeights: the image tower's weights, laid out for a backend. Immutable; shared by threads.
#pragma once

#include <memory>
#include <vector>

#include "engine/transformer.h"

namespace sclip {

struct VisionWeights {
  VisionWeights(const WeightBlob& blob, const Backend& backend);

  const BlockWeights& block(int i) const { return blocks[static_cast<size_t>(i)]; }

  VisionConfig config;
  int64_t embed_dim = 0;  // E
  float eps = 0;          // of every layer norm
  DType activation;       // between kernels; the blocks' products may be in E4M3
  std::unique_ptr<Linear> patch_embed;
  std::unique_ptr<Memory> class_embedding;  // (C)
  std::vector<float> positions;             // (N, C) of the native grid, host memory
  NormWeights ln_pre, ln_post;
  std::vector<BlockWeights> blocks;
  std::unique_ptr<Linear> last_out;    // the last block's output projection that overwrites instead of adding
  std::unique_ptr<Linear> projection;  // C → E
};

}  // namespace sclip
