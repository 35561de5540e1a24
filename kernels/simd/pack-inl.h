// Operands of the register tile: rows as they are, or transposed into panels, widened to f32.
// Highway style: included once per target from inside a foreach_target file.

#if defined(SCLIP_KERNELS_SIMD_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_SIMD_PACK_INL_H_
#undef SCLIP_KERNELS_SIMD_PACK_INL_H_
#else
#define SCLIP_KERNELS_SIMD_PACK_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/simd/bf16-inl.h"
#include "kernels/simd/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

// (N, d) with rows `stride` apart → panels (⌈N/kPanel⌉, d, kPanel); columns beyond N are zero.
template <typename In>
void PackTransposed(const In* HWY_RESTRICT src, int64_t stride, int64_t tokens, int64_t dim, float* HWY_RESTRICT out) {
  const hn::CappedTag<float, 4> d4;
  const hn::CappedTag<float, 1> one;
  for (int64_t first = 0; first < tokens; first += kPanel, out += dim * kPanel) {
    const int64_t columns = std::min(kPanel, tokens - first);
    int64_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      const In* row = src + (first + j) * stride;
      int64_t c = 0;
      for (; c + 4 <= dim; c += 4) {
        const auto r0 = LoadFloat(d4, row + c);
        const auto r1 = LoadFloat(d4, row + stride + c);
        const auto r2 = LoadFloat(d4, row + 2 * stride + c);
        const auto r3 = LoadFloat(d4, row + 3 * stride + c);
        const auto low02 = hn::InterleaveLower(d4, r0, r2);
        const auto low13 = hn::InterleaveLower(d4, r1, r3);
        const auto high02 = hn::InterleaveUpper(d4, r0, r2);
        const auto high13 = hn::InterleaveUpper(d4, r1, r3);
        float* o = out + c * kPanel + j;
        hn::StoreU(hn::InterleaveLower(d4, low02, low13), d4, o);
        hn::StoreU(hn::InterleaveUpper(d4, low02, low13), d4, o + kPanel);
        hn::StoreU(hn::InterleaveLower(d4, high02, high13), d4, o + 2 * kPanel);
        hn::StoreU(hn::InterleaveUpper(d4, high02, high13), d4, o + 3 * kPanel);
      }
      for (; c < dim; ++c) {
        for (int64_t r = 0; r < 4; ++r) out[c * kPanel + j + r] = hn::GetLane(LoadFloat(one, row + r * stride + c));
      }
    }
    for (; j < columns; ++j) {
      for (int64_t c = 0; c < dim; ++c) {
        out[c * kPanel + j] = hn::GetLane(LoadFloat(one, src + (first + j) * stride + c));
      }
    }
    for (int64_t c = 0; columns < kPanel && c < dim; ++c) {
      std::memset(out + c * kPanel + columns, 0, static_cast<size_t>(kPanel - columns) * sizeof(float));
    }
  }
}

// (rows, d) with rows `stride` apart → (rows, out_stride); columns beyond d are zero.
template <typename In>
void PackRows(const In* HWY_RESTRICT src, int64_t stride, int64_t rows, int64_t dim, float* HWY_RESTRICT out,
              int64_t out_stride) {
  const Tag d;
  const hn::CappedTag<float, 4> d4;
  const hn::CappedTag<float, 1> one;
  for (int64_t i = 0; i < rows; ++i, src += stride, out += out_stride) {
    int64_t c = 0;
    for (; c + kLanes <= dim; c += kLanes) hn::StoreU(LoadFloat(d, src + c), d, out + c);
    for (; c + 4 <= dim; c += 4) hn::StoreU(LoadFloat(d4, src + c), d4, out + c);
    for (; c < dim; ++c) out[c] = hn::GetLane(LoadFloat(one, src + c));
    for (; c < out_stride; ++c) out[c] = 0;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
