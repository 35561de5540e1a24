// Logits of the photo from those of the windows, in three steps: fold, mix, tile (window_merge_cpu.cpp). Inside
// Highway's foreach_target.

// Once a target: Highway includes this file again for each.
#if defined(SCLIP_KERNELS_WINDOW_MERGE_MERGE_MIX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_WINDOW_MERGE_MERGE_MIX_INL_H_
#undef SCLIP_KERNELS_WINDOW_MERGE_MERGE_MIX_INL_H_
#else
#define SCLIP_KERNELS_WINDOW_MERGE_MERGE_MIX_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/window_merge/merge_state.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using State = WindowMergeWorkspace::State;

// A tile's vectors: at most 16 lanes, 16 / lanes of them.
using TileTag = hn::CappedTag<float, MergeTiles::kPixels>;
using TileVec = hn::Vec<TileTag>;

// The largest magnitude's bits, by which a NaN counts as larger than infinity.
HWY_INLINE uint32_t LargestBits(const float* x, int64_t count) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto most = hn::Zero(du);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) most = hn::Max(most, hn::BitCast(du, hn::Abs(hn::LoadU(d, x + i))));
  uint32_t largest = hn::GetLane(hn::MaxOfLanes(du, most));
  for (; i < count; ++i) largest = std::max(largest, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu);
  return largest;
}

// Folds patch row `row` of the windows' row of windows. Returns its LargestBits.
uint32_t FoldRow(const WindowLogits& w, State& s, int64_t row) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t count = s.range.end - s.range.begin;
  // The range's logits in column c · w + j of this row.
  const auto column = [&](int64_t source) HWY_ATTR {
    const int64_t window = row / w.grid_h * w.windows_x + source / w.grid_w;
    const int64_t patch = (window * w.grid_h + row % w.grid_h) * w.grid_w + source % w.grid_w;
    return w.logits + patch * w.queries + s.range.begin;
  };

  uint32_t largest = 0;
  for (int64_t c = 0; c < w.windows_x; ++c) {
    if (count == w.queries) {  // the columns of a window lie side by side
      largest = std::max(largest, LargestBits(column(c * w.grid_w), w.grid_w * count));
    } else {
      for (int64_t j = 0; j < w.grid_w; ++j) largest = std::max(largest, LargestBits(column(c * w.grid_w + j), count));
    }
  }

  const int32_t* members = s.tiles.group_column.data();
  for (int64_t g = 0; g < s.tiles.groups(); ++g) {
    const int32_t begin = s.tiles.group_begin[static_cast<size_t>(g)];
    const int32_t end = s.tiles.group_begin[static_cast<size_t>(g) + 1];
    float* out = s.folded.data() + row * s.row_stride + g * count;
    const auto sum_at = [&](auto tag, int64_t k) HWY_ATTR {
      auto sum = hn::LoadU(tag, column(members[begin]) + k);
      for (int32_t m = begin + 1; m < end; ++m) sum = hn::Add(sum, hn::LoadU(tag, column(members[m]) + k));
      hn::StoreU(sum, tag, out + k);
    };
    int64_t k = 0;
    for (; k + lanes <= count; k += lanes) sum_at(d, k);
    for (; k < count; ++k) sum_at(hn::CappedTag<float, 1>(), k);
  }
  return largest;
}

// out[i] = Σ weights[t] · inputs[t][i]; padded to whole vectors of 16. An input may be `out` itself.
HWY_INLINE void WeightedSum(const float* const* inputs, const float* weights, int64_t terms, int64_t count,
                            float* out) {
  const TileTag d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count; i += lanes) {
    auto sum = hn::Mul(hn::Set(d, weights[0]), hn::LoadU(d, inputs[0] + i));
    for (int64_t t = 1; t < terms; ++t) sum = hn::MulAdd(hn::Set(d, weights[t]), hn::LoadU(d, inputs[t] + i), sum);
    hn::StoreU(sum, d, out + i);
  }
}

// The row's patch rows, weighted.
HWY_INLINE void MixRow(const State& s, int64_t y, MergeRows& rows) {
  constexpr int64_t kBlock = 32;  // more terms than this are summed in several goes: never, in practice
  const int32_t begin = s.axis_y.begin[static_cast<size_t>(y)];
  const int32_t end = s.axis_y.begin[static_cast<size_t>(y) + 1];
  float* out = rows.mixed.data();
  const float* logits[kBlock + 1];
  float weights[kBlock + 1];
  int64_t terms = 0;
  for (int32_t t = begin; t < end; ++t) {
    logits[terms] = s.folded.data() + s.axis_y.source[static_cast<size_t>(t)] * s.row_stride;
    weights[terms++] = s.axis_y.weight[static_cast<size_t>(t)];
    if (terms == kBlock || t + 1 == end) {
      WeightedSum(logits, weights, terms, s.row_stride, out);
      logits[0] = out;  // goes on from what there is
      weights[0] = 1.0f;
      terms = 1;
    }
  }
}

// A tile of one photo row.
struct Tile {
  const float* weights;        // (groups, 16)
  int64_t count;               // of groups
  const float* const* logits;  // (count) each (K)
};

// kGroups = 0: as many as the tile says.
template <int kGroups>
HWY_INLINE TileVec Logit(TileTag d, const Tile& t, int64_t u, int64_t k) {
  const int64_t count = kGroups == 0 ? t.count : kGroups;
  auto sum = hn::Mul(hn::LoadU(d, t.weights + u), hn::Set(d, t.logits[0][k]));
  for (int64_t i = 1; i < count; ++i) {
    sum = hn::MulAdd(hn::LoadU(d, t.weights + i * MergeTiles::kPixels + u), hn::Set(d, t.logits[i][k]), sum);
  }
  return sum;
}

// Calls body(std::integral_constant<int, groups>) with the usual counts known at compile time.
template <typename Body>
HWY_INLINE void WithGroups(int64_t groups, const Body& body) {
  switch (groups) {
    case 1: return body(std::integral_constant<int, 1>());
    case 2: return body(std::integral_constant<int, 2>());
    case 3: return body(std::integral_constant<int, 3>());
    case 4: return body(std::integral_constant<int, 4>());
    case 5: return body(std::integral_constant<int, 5>());
    case 6: return body(std::integral_constant<int, 6>());
    default: return body(std::integral_constant<int, 0>());
  }
}

// Calls body(tile, first pixel, pixels) for the tiles of a mixed row for which wanted(first pixel, pixels).
template <typename Wanted, typename Body>
HWY_INLINE void ForEachTile(int64_t width, const State& s, MergeRows& rows, const Wanted& wanted, const Body& body) {
  const int64_t queries = s.range.end - s.range.begin;
  for (int64_t tile = 0; tile < s.tiles.tiles(); ++tile) {
    const int64_t x = tile * MergeTiles::kPixels;
    const int64_t pixels = std::min(MergeTiles::kPixels, width - x);
    if (!wanted(x, pixels)) continue;
    const int32_t begin = s.tiles.tile_begin[static_cast<size_t>(tile)];
    const int64_t count = s.tiles.tile_begin[static_cast<size_t>(tile) + 1] - begin;
    const int32_t* groups = s.tiles.tile_group.data() + begin;
    rows.tile_logits.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      rows.tile_logits[static_cast<size_t>(i)] = rows.mixed.data() + groups[i] * queries;
    }
    body(Tile{s.tiles.weights.data() + begin * MergeTiles::kPixels, count, rows.tile_logits.data()}, x, pixels);
  }
}

// The tile's logits to planes `plane` elements apart; `pixels` of them exist.
template <int kGroups>
HWY_NOINLINE void StoreLogits(const Tile& t, int64_t queries, int64_t pixels, int64_t plane, float* out) {
  const TileTag d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float edge[MergeTiles::kPixels];
  for (int64_t k = 0; k < queries; ++k, out += plane) {
    float* to = pixels == MergeTiles::kPixels ? out : edge;
    for (int64_t u = 0; u < MergeTiles::kPixels; u += lanes) hn::StoreU(Logit<kGroups>(d, t, u, k), d, to + u);
    if (to == edge) std::copy_n(edge, pixels, out);
  }
}

// Row y of the planes.
void StoreRow(const WindowPlanesParams& p, const State& s, int64_t y, MergeRows& rows) {
  const auto every = [](int64_t, int64_t) { return true; };
  const int64_t width = p.windows.photo_width;
  MixRow(s, y, rows);
  ForEachTile(width, s, rows, every, [&](const Tile& t, int64_t x, int64_t pixels) HWY_ATTR {
    WithGroups(t.count, [&](auto groups) HWY_ATTR {
      StoreLogits<groups()>(t, p.count, pixels, width * p.windows.photo_height, p.planes + y * width + x);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
