// The two matrix products of a head in the element types there are.
// Highway style: included once per target from inside a foreach_target file.

#if defined(SCLIP_KERNELS_ATTENTION_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_ATTENTION_PRODUCTS_INL_H_
#undef SCLIP_KERNELS_ATTENTION_PRODUCTS_INL_H_
#else
#define SCLIP_KERNELS_ATTENTION_PRODUCTS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/simd/bf16-inl.h"
#include "kernels/simd/pack-inl.h"
#include "kernels/simd/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

// How the two matrix products of a head are computed: what is packed, and the register tile over it.
// Packed data are floats, or pairs of bf16 in the space of one.
template <typename Element>
struct WidenedProducts {
  static void PackPanels(const Element* src, int64_t stride, int64_t tokens, int64_t dim, float* out) {
    PackTransposed(src, stride, tokens, dim, out);
  }
  static void PackQueries(const Element* src, int64_t stride, int64_t rows, int64_t dim, float* out) {
    PackRows(src, stride, rows, dim, out, dim);
  }
  static void PackValues(const Element* src, int64_t stride, int64_t tokens, int64_t dim, float* out,
                         int64_t out_stride) {
    PackRows(src, stride, tokens, dim, out, out_stride);
  }
  // Left operand of P·V: the scores where they lie.
  static const float* PackProbabilities(float* scores, int64_t /*rows*/, int64_t /*columns*/, int64_t /*depth*/) {
    return scores;
  }
  static int64_t Depth(int64_t n) { return n; }
  static void Product(int64_t rows, int64_t vectors, const float* a, int64_t a_stride, const float* panel,
                      int64_t panel_stride, int64_t depth, float* c, int64_t c_stride) {
    TileRows(rows, vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
};

#if SCLIP_BF16_DOT
struct Bf16Products {
  static const float* Pairs(const BFloat16* p) { return reinterpret_cast<const float*>(p); }

  static void PackPanels(const BFloat16* src, int64_t stride, int64_t tokens, int64_t dim, float* out) {
    PackTransposed(Pairs(src), stride / 2, tokens, dim / 2, out);
  }
  static void PackQueries(const BFloat16* src, int64_t stride, int64_t rows, int64_t dim, float* out) {
    PackRows(Pairs(src), stride / 2, rows, dim / 2, out, dim / 2);
  }
  // Rows 2j and 2j + 1 side by side in each lane; an odd last row is paired with zeros.
  static void PackValues(const BFloat16* src, int64_t stride, int64_t tokens, int64_t dim, float* out,
                         int64_t out_stride) {
    const hn::CappedTag<float, 8> d;  // dim is a multiple of 8
    const hn::RebindToUnsigned<decltype(d)> d32;
    const hn::Rebind<uint16_t, decltype(d)> d16;
    for (int64_t j = 0; j < tokens; j += 2, src += 2 * stride, out += out_stride) {
      const auto* even = reinterpret_cast<const uint16_t*>(src);
      int64_t c = 0;
      for (; c < dim; c += 8) {
        auto pair = hn::PromoteTo(d32, hn::LoadU(d16, even + c));
        if (j + 1 < tokens) {
          pair = hn::Or(pair, hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, even + stride + c))));
        }
        hn::StoreU(hn::BitCast(d, pair), d, out + c);
      }
      for (; c < out_stride; ++c) out[c] = 0;
    }
  }
  // In place: a row of floats becomes a row of pairs at its beginning.
  static const float* PackProbabilities(float* scores, int64_t rows, int64_t columns, int64_t depth) {
    const Tag d;
    for (int64_t r = 0; r < rows; ++r) {
      const float* from = scores + r * columns;
      auto* to = reinterpret_cast<BFloat16*>(scores + r * columns);
      for (int64_t j = 0; j < depth; j += kLanes) StoreFloat(d, hn::Load(d, from + j), to + j);
    }
    return scores;
  }
  static int64_t Depth(int64_t n) { return (n + 1) / 2; }
  static void Product(int64_t rows, int64_t vectors, const float* a, int64_t a_stride, const float* panel,
                      int64_t panel_stride, int64_t depth, float* c, int64_t c_stride) {
    PairTileRows(rows, vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
};
#endif  // SCLIP_BF16_DOT

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
