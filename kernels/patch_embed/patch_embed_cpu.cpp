// Gather: runs of P contiguous pixels are copied; one pass over 3·H·W pixels per window, memory bound.
// Assemble: position added and ln_pre applied row by row while the row is in L1.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/patch_embed/patch_embed_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/patch_embed/patch_embed.h"
#include "kernels/simd/layernorm_row-inl.h"
#include "sclip/error.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

template <typename Out>
HWY_INLINE void CopyRun(const float* HWY_RESTRICT src, Out* HWY_RESTRICT dst, int64_t count) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) StoreFloat(d, hn::LoadU(d, src + i), dst + i);
  const hn::CappedTag<float, 1> one;
  for (; i < count; ++i) StoreFloat(one, hn::LoadU(one, src + i), dst + i);
}

template <typename Out>
void GatherRows(const PatchEmbedParams& p, Out* patches, CpuQueue queue) {
  const int64_t pixels = 3 * p.patch * p.patch;
  // One item is a row of patches of one window.
  queue.pool->parallel_for(p.batch * p.grid_h, [&](int64_t item) {
    const int64_t b = item / p.grid_h;
    const int64_t row = item % p.grid_h;
    Out* out = patches + item * p.grid_w * pixels;
    for (int64_t channel = 0; channel < 3; ++channel) {
      for (int64_t dy = 0; dy < p.patch; ++dy) {
        const int64_t y = p.windows[b].y + row * p.patch + dy;
        const float* src = p.image + (channel * p.height + y) * p.width + p.windows[b].x;
        for (int64_t column = 0; column < p.grid_w; ++column) {
          CopyRun(src + column * p.patch, out + column * pixels + (channel * p.patch + dy) * p.patch, p.patch);
        }
      }
    }
  });
}

void GatherPatches(const PatchEmbedParams& p, void* patches, CpuQueue queue) {
  if (p.dtype == DType::kBF16) {
    GatherRows(p, static_cast<BFloat16*>(patches), queue);
  } else {
    GatherRows(p, static_cast<float*>(patches), queue);
  }
}

void AssembleTokens(const PatchEmbedParams& p, const float* embedded, CpuQueue queue) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t patches = p.grid_h * p.grid_w;
  const int64_t tokens = 1 + patches;
  constexpr int64_t kRows = 16;  // fewer are not worth a second thread
  queue.pool->parallel_ranges(p.batch * tokens, kRows, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / tokens;
      const int64_t t = i % tokens;
      const float* src = t == 0 ? p.class_embedding : embedded + (b * patches + t - 1) * p.cols;
      const float* position = p.positions + t * p.cols;
      float* out = p.tokens + i * p.cols;
      int64_t c = 0;
      for (; c + lanes <= p.cols; c += lanes) {
        hn::StoreU(hn::Add(hn::LoadU(d, src + c), hn::LoadU(d, position + c)), d, out + c);
      }
      for (; c < p.cols; ++c) hn::StoreU(hn::Add(hn::LoadU(one, src + c), hn::LoadU(one, position + c)), one, out + c);
      LayerNormRow(out, p.gamma, p.beta, out, p.cols, p.eps);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(GatherPatches);
HWY_EXPORT(AssembleTokens);

void gather_patches_cpu(const PatchEmbedParams& p, void* patches, CpuQueue queue) {
  check_params(p);
  check_cpu_dtype("patch_embed", p.dtype);
  for (int64_t b = 0; b < p.batch; ++b) {
    const PatchOrigin o = p.windows[b];
    SCLIP_CHECK(o.x >= 0 && o.y >= 0 && o.x + p.grid_w * p.patch <= p.width && o.y + p.grid_h * p.patch <= p.height,
                kInvalidArgument, "patch_embed: window ", b, " at (", o.x, ", ", o.y, ") with ", p.grid_h, "×",
                p.grid_w, " patches of ", p.patch, " leaves the ", p.width, "×", p.height, " photo");
  }
  HWY_DYNAMIC_DISPATCH(GatherPatches)(p, patches, queue);
}

void assemble_tokens_cpu(const PatchEmbedParams& p, const float* embedded, CpuQueue queue) {
  HWY_DYNAMIC_DISPATCH(AssembleTokens)(p, embedded, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
