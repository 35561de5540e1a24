// Blocks by their published number. Read-outs were published for ViT-B/16 and name its blocks 1 … 12.
#pragma once

#include <algorithm>
#include <cmath>

namespace sclip {

// The block, counted from 1, that stands as deep in a tower of `blocks` as number `published` of `published_blocks`. In
// a tower of that depth itself it is `published`. For another depth this is our rule, not the authors'.
inline int block_at_depth(int published, int blocks, int published_blocks = 12) {
  const double depth = static_cast<double>(published) * blocks / published_blocks;
  return std::clamp(static_cast<int>(std::floor(depth + 0.5)), 1, blocks);
}

}  // namespace sclip
