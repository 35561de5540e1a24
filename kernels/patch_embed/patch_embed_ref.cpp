#include <vector>

#include "kernels/layernorm/layernorm.h"
#include "kernels/patch_embed/patch_embed.h"

namespace sclip::ref {

void gather_patches(const PatchEmbedParams& p, float* out) {
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t i = 0; i < p.grid_h * p.grid_w; ++i) {
      for (int64_t channel = 0; channel < 3; ++channel) {
        for (int64_t dy = 0; dy < p.patch; ++dy) {
          for (int64_t dx = 0; dx < p.patch; ++dx) {
            const int64_t y = p.windows[b].y + i / p.grid_w * p.patch + dy;
            const int64_t x = p.windows[b].x + i % p.grid_w * p.patch + dx;
            *out++ = p.image[(channel * p.height + y) * p.width + x];
          }
        }
      }
    }
  }
}

void assemble_tokens(const PatchEmbedParams& p, const float* embedded) {
  const int64_t patches = p.grid_h * p.grid_w;
  const int64_t tokens = 1 + patches;
  std::vector<float> sum(static_cast<size_t>(p.batch * tokens * p.cols));
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t c = 0; c < p.cols; ++c) {
        const float token = t == 0 ? p.class_embedding[c] : embedded[(b * patches + t - 1) * p.cols + c];
        sum[static_cast<size_t>((b * tokens + t) * p.cols + c)] = token + p.positions[t * p.cols + c];
      }
    }
  }
  layernorm({.x = sum.data(),
             .y = p.tokens,
             .gamma = p.gamma,
             .beta = p.beta,
             .rows = p.batch * tokens,
             .cols = p.cols,
             .eps = p.eps});
}

}  // namespace sclip::ref
