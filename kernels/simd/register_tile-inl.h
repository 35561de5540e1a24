// The product that CPU kernels stand on: a few rows of A times a panel of B that is kPanel columns wide, all sums in
// registers. 6×4 vectors on 32 registers (24 accumulators, 4 of the panel, 1 broadcast), 6×2 on 16.
// Highway style: included once per target from inside a foreach_target file.

#if defined(SCLIP_KERNELS_SIMD_REGISTER_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_SIMD_REGISTER_TILE_INL_H_
#undef SCLIP_KERNELS_SIMD_REGISTER_TILE_INL_H_
#else
#define SCLIP_KERNELS_SIMD_REGISTER_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;
constexpr int64_t kLanes = hn::MaxLanes(Tag());
constexpr int kMaxRows = 6;
constexpr int kPanelVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
constexpr int64_t kPanel = kPanelVectors * kLanes;

constexpr int64_t round_up(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}

// Row-major C (rows, columns) = A (rows, depth) · one panel (depth, kPanel), for `Vectors` vectors of the panel.
template <int Rows, int Vectors>
HWY_INLINE void Tile(const float* HWY_RESTRICT a, int64_t a_stride, const float* HWY_RESTRICT panel,
                     int64_t panel_stride, int64_t depth, float* HWY_RESTRICT c, int64_t c_stride) {
  const Tag d;
  Vector acc[Rows][Vectors];
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) acc[r][v] = hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vector b[Vectors];
    for (int v = 0; v < Vectors; ++v) b[v] = hn::Load(d, panel + k * panel_stride + v * kLanes);
    for (int r = 0; r < Rows; ++r) {
      const Vector broadcast = hn::Set(d, a[r * a_stride + k]);
      for (int v = 0; v < Vectors; ++v) acc[r][v] = hn::MulAdd(broadcast, b[v], acc[r][v]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) hn::Store(acc[r][v], d, c + r * c_stride + v * kLanes);
  }
}

template <int Rows>
HWY_INLINE void TileOf(int64_t vectors, const float* a, int64_t a_stride, const float* panel, int64_t panel_stride,
                       int64_t depth, float* c, int64_t c_stride) {
  if constexpr (kPanelVectors == 4) {
    if (vectors >= 4) return Tile<Rows, 4>(a, a_stride, panel, panel_stride, depth, c, c_stride);
    if (vectors == 3) return Tile<Rows, 3>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
  if (vectors >= 2) return Tile<Rows, 2>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  return Tile<Rows, 1>(a, a_stride, panel, panel_stride, depth, c, c_stride);
}

inline HWY_NOINLINE void TileRows(int64_t rows, int64_t vectors, const float* a, int64_t a_stride, const float* panel,
                                  int64_t panel_stride, int64_t depth, float* c, int64_t c_stride) {
  static_assert(kMaxRows == 6);
  switch (rows) {
    case 1: return TileOf<1>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 2: return TileOf<2>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 3: return TileOf<3>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 4: return TileOf<4>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 5: return TileOf<5>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    default: return TileOf<6>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
}

#undef SCLIP_BF16_DOT
#define SCLIP_BF16_DOT (HWY_TARGET == HWY_AVX3 && HWY_COMPILER_GCC_ACTUAL)
#if SCLIP_BF16_DOT
// The same tile over pairs of bf16. Highway 1.0 has no target with VDPBF16PS, hence the intrinsics.
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bf16")

template <int Rows, int Vectors>
HWY_INLINE void PairTile(const float* HWY_RESTRICT a, int64_t a_stride, const float* HWY_RESTRICT panel,
                         int64_t panel_stride, int64_t depth, float* HWY_RESTRICT c, int64_t c_stride) {
  __m512 acc[Rows][Vectors];
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) acc[r][v] = _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < depth; ++k) {
    __m512bh b[Vectors];
    for (int v = 0; v < Vectors; ++v) b[v] = (__m512bh)_mm512_load_ps(panel + k * panel_stride + v * kLanes);
    for (int r = 0; r < Rows; ++r) {
      const auto broadcast = (__m512bh)_mm512_set1_ps(a[r * a_stride + k]);
      for (int v = 0; v < Vectors; ++v) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], broadcast, b[v]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) _mm512_store_ps(c + r * c_stride + v * kLanes, acc[r][v]);
  }
}

template <int Rows>
HWY_INLINE void PairTileOf(int64_t vectors, const float* a, int64_t a_stride, const float* panel, int64_t panel_stride,
                           int64_t depth, float* c, int64_t c_stride) {
  if (vectors >= 4) return PairTile<Rows, 4>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  if (vectors == 3) return PairTile<Rows, 3>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  if (vectors == 2) return PairTile<Rows, 2>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  return PairTile<Rows, 1>(a, a_stride, panel, panel_stride, depth, c, c_stride);
}

inline HWY_NOINLINE void PairTileRows(int64_t rows, int64_t vectors, const float* a, int64_t a_stride,
                                      const float* panel, int64_t panel_stride, int64_t depth, float* c,
                                      int64_t c_stride) {
  switch (rows) {
    case 1: return PairTileOf<1>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 2: return PairTileOf<2>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 3: return PairTileOf<3>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 4: return PairTileOf<4>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 5: return PairTileOf<5>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    default: return PairTileOf<6>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
}

#pragma GCC pop_options
#endif  // SCLIP_BF16_DOT

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
