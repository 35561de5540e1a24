// Three steps, and no plane of the photo's size besides the results:
//   fold    once a call: add up the patch columns that always share a weight       (windows_y · h, groups, K)
//   mix     once a photo row: the row's few patch rows, weighted and scaled        (groups, K), in L2
//   tile    16 pixels at a time, lanes = pixels, query after query:
//             logit = Σ weight vector · broadcast, running best and its class, Σ 2^(logit − ceiling)
// A tile needs no maximum before its sum: bilinear weights are not negative, so the same weights applied to the
// maxima of the patches bound its logits from above. Cosines at the usual scales cannot be far below it; for others a
// bound too far up (2^60) is replaced by the true maximum, and what is far below counts as 0.
//
// The best class is that of the best logit: exp is monotonic, and the best query's class is the best class.
// That also spares the per-class maxima, unless somebody asks for class_scores.
//
// Cost per pixel and query with AVX-512 or AVX2: 2–3 multiply-adds for the logit (4–6 where windows are out of
// register), about 17 for the rest; docs/kernels/window_merge.md counts them.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/window_merge/merge_fault.h"
#include "kernels/window_merge/merge_state.h"
#include "kernels/window_merge/window_merge.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/window_merge/window_merge_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using State = WindowMergeWorkspace::State;

// A tile's vectors: at most 16 lanes, 16 / lanes of them.
using TileTag = hn::CappedTag<float, MergeTiles::kPixels>;
using LabelTag = hn::RebindToSigned<TileTag>;
using TileVec = hn::Vec<TileTag>;

// out[i] = Σ weights[t] · inputs[t][i]; padded to whole vectors of 16. An input may be `out` itself.
void WeightedSum(const float* const* inputs, const float* weights, int64_t terms, int64_t count, float* out) {
  const TileTag d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count; i += lanes) {
    auto sum = hn::Mul(hn::Set(d, weights[0]), hn::LoadU(d, inputs[0] + i));
    for (int64_t t = 1; t < terms; ++t) sum = hn::MulAdd(hn::Set(d, weights[t]), hn::LoadU(d, inputs[t] + i), sum);
    hn::StoreU(sum, d, out + i);
  }
}

// Folds patch row `row` of the windows' row of windows. Returns the largest magnitude's bits, by which a NaN
// counts as larger than infinity.
uint32_t FoldRow(const WindowMergeParams& p, State& s, int64_t row) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t k_count = p.queries;
  // Column c · w + j of this row.
  const auto column = [&](int64_t source) HWY_ATTR {
    const int64_t window = row / p.grid_h * p.windows_x + source / p.grid_w;
    return p.logits + ((window * p.grid_h + row % p.grid_h) * p.grid_w + source % p.grid_w) * k_count;
  };

  uint32_t largest = 0;
  for (int64_t c = 0; c < p.windows_x; ++c) {
    const float* x = column(c * p.grid_w);
    auto most = hn::Zero(du);
    int64_t i = 0;
    for (; i + lanes <= p.grid_w * k_count; i += lanes) {
      most = hn::Max(most, hn::BitCast(du, hn::Abs(hn::LoadU(d, x + i))));
    }
    largest = std::max(largest, hn::GetLane(hn::MaxOfLanes(du, most)));
    for (; i < p.grid_w * k_count; ++i) largest = std::max(largest, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu);
  }

  for (int64_t g = 0; g < s.tiles.groups(); ++g) {
    const int32_t* members = s.tiles.group_column.data();
    const int32_t begin = s.tiles.group_begin[static_cast<size_t>(g)];
    const int32_t end = s.tiles.group_begin[static_cast<size_t>(g) + 1];
    float* out = s.folded.data() + row * s.row_stride + g * k_count;
    const auto sum_at = [&](auto tag, int64_t k) HWY_ATTR {
      auto sum = hn::LoadU(tag, column(members[begin]) + k);
      for (int32_t m = begin + 1; m < end; ++m) sum = hn::Add(sum, hn::LoadU(tag, column(members[m]) + k));
      hn::StoreU(sum, tag, out + k);
      return sum;
    };
    auto most = hn::Set(d, -std::numeric_limits<float>::infinity());
    int64_t k = 0;
    for (; k + lanes <= k_count; k += lanes) most = hn::Max(most, sum_at(d, k));
    float ceiling = hn::GetLane(hn::MaxOfLanes(d, most));
    const hn::CappedTag<float, 1> one;
    for (; k < k_count; ++k) ceiling = std::max(ceiling, hn::GetLane(sum_at(one, k)));
    s.ceilings[static_cast<size_t>(row * s.tiles.groups() + g)] = ceiling;
  }
  return largest;
}

// A tile of one photo row.
struct Tile {
  const float* weights;        // (groups, 16)
  const int32_t* groups;       // (count) which rows of `mixed`
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

// Best class and its probability for each pixel of the tile. kNarrow: no exponent can leave −126 … 0.
template <int kGroups, bool kNarrow>
HWY_NOINLINE void BestOfTile(const WindowMergeParams& p, const Tile& t, const float* ceiling, int32_t* label,
                             float* score) {
  const TileTag d;
  const LabelTag di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t u = 0; u < MergeTiles::kPixels; u += lanes) {
    auto offset = hn::Zero(d);
    for (int64_t i = 0; i < t.count; ++i) {
      const auto weight = hn::LoadU(d, t.weights + i * MergeTiles::kPixels + u);
      offset = hn::MulAdd(weight, hn::Set(d, ceiling[t.groups[i]]), offset);
    }
    auto best = hn::Set(d, -std::numeric_limits<float>::infinity());
    auto best_class = hn::Zero(di);
    auto sum = hn::Zero(d);
    const auto run = [&]() HWY_ATTR {
      for (int64_t k = 0; k < p.queries; ++k) {
        const auto x = Logit<kGroups>(d, t, u, k);
        const auto better = hn::Gt(x, best);
        best = hn::IfThenElse(better, x, best);
        best_class = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, p.query_class[k]), best_class);
        const auto exponent = hn::Sub(x, offset);
        sum = hn::Add(sum, kNarrow ? Exp2InRange(d, exponent) : FastExp2(d, exponent));
      }
    };
    run();
    if constexpr (!kNarrow) {
      // Either way: with huge logits the bound may even come out too low, by its rounding.
      const auto far = hn::Gt(hn::Abs(hn::Sub(offset, best)), hn::Set(d, 60.0f));
      if (!hn::AllFalse(d, far)) {
        offset = best;
        sum = hn::Zero(d);
        run();
      }
    }
    const auto top = FastExp2(d, hn::Sub(best, offset));
    hn::StoreU(hn::Div(top, sum), d, score + u);
    hn::StoreU(best_class, di, label + u);
  }
}

// The tile's logits to (K) planes `plane` elements apart; `pixels` of them exist.
template <int kGroups>
HWY_NOINLINE void StoreLogits(const WindowMergeParams& p, const Tile& t, int64_t pixels, int64_t plane, float* out) {
  const TileTag d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float edge[MergeTiles::kPixels];
  for (int64_t k = 0; k < p.queries; ++k, out += plane) {
    float* to = pixels == MergeTiles::kPixels ? out : edge;
    for (int64_t u = 0; u < MergeTiles::kPixels; u += lanes) hn::StoreU(Logit<kGroups>(d, t, u, k), d, to + u);
    if (to == edge) std::copy_n(edge, pixels, out);
  }
}

template <int kGroups>
HWY_INLINE TileVec BestLogit(TileTag d, const Tile& t, int64_t u, QueryRange range, TileVec best) {
  for (int64_t k = range.begin; k < range.end; ++k) {
    const auto x = Logit<kGroups>(d, t, u, k);
    best = hn::IfThenElse(hn::Gt(x, best), x, best);
  }
  return best;
}

// Probabilities of all classes, from that of the best: p = score · 2^(logit − best logit).
template <int kGroups>
HWY_NOINLINE void StoreClassScores(const WindowMergeParams& p, const Tile& t, int64_t pixels, int64_t plane,
                                   const float* score, float* out) {
  const TileTag d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  HWY_ALIGN float edge[MergeTiles::kPixels];
  for (int64_t u = 0; u < pixels; u += lanes) {
    const auto best = BestLogit<kGroups>(d, t, u, {0, p.queries}, lowest);
    int64_t k = 0;
    for (int64_t q = 0; q < p.classes; ++q) {
      const int64_t begin = k;
      while (k < p.queries && p.query_class[k] == q) ++k;
      const auto x = BestLogit<kGroups>(d, t, u, {begin, k}, lowest);  // −∞, and so 0, without queries
      const auto ratio = FastExp2(d, hn::Sub(x, best));
      hn::StoreU(hn::Mul(hn::LoadU(d, score + u), ratio), d, edge);
      std::copy_n(edge, std::min(lanes, pixels - u), out + q * plane + u);
    }
  }
}

// Replaces the pixels whose class the area filter removed by the best of the classes it kept.
template <int kGroups>
HWY_NOINLINE void RefilterTile(const WindowMergeParams& p, const State& s, const Tile& t, int64_t pixels,
                               int32_t* label, float* score) {
  const TileTag d;
  const LabelTag di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  HWY_ALIGN float new_score[MergeTiles::kPixels];
  HWY_ALIGN int32_t new_label[MergeTiles::kPixels];
  for (int64_t u = 0; u < MergeTiles::kPixels; u += lanes) {
    const auto best = BestLogit<kGroups>(d, t, u, {0, p.queries}, lowest);
    auto kept_best = lowest;
    auto kept_class = hn::Zero(di);
    for (const QueryRange range : s.kept_queries) {
      for (int64_t k = range.begin; k < range.end; ++k) {
        const auto x = Logit<kGroups>(d, t, u, k);
        const auto better = hn::Gt(x, kept_best);
        kept_best = hn::IfThenElse(better, x, kept_best);
        kept_class = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, p.query_class[k]), kept_class);
      }
    }
    const auto ratio = FastExp2(d, hn::Sub(kept_best, best));
    hn::StoreU(hn::Mul(hn::LoadU(d, score + u), ratio), d, new_score + u);
    hn::StoreU(kept_class, di, new_label + u);
  }
  for (int64_t i = 0; i < pixels; ++i) {
    if (s.kept[static_cast<size_t>(label[i])]) continue;
    score[i] = new_score[i];
    label[i] = new_score[i] > 0.0f ? new_label[i] : 0;  // all scores 0: the lowest class
  }
}

// exp(logit_scale · x) = 2^(ExponentScale · x).
HWY_INLINE float ExponentScale(const WindowMergeParams& p) {
  return p.logit_scale * 1.44269504088896341f;
}

// The row's patch rows, weighted; times `scale`.
void MixRow(const State& s, int64_t y, float scale, MergeRows& rows) {
  constexpr int64_t kBlock = 32;  // more terms than this are summed in several goes: never, in practice
  const int32_t begin = s.axis_y.begin[static_cast<size_t>(y)];
  const int32_t end = s.axis_y.begin[static_cast<size_t>(y) + 1];
  const float* logits[kBlock + 1];
  float weights[kBlock + 1];
  const auto sum_rows = [&](const AlignedBuffer<float>& from, int64_t stride, int64_t count, float* out) HWY_ATTR {
    int64_t terms = 0;
    for (int32_t t = begin; t < end; ++t) {
      logits[terms] = from.data() + s.axis_y.source[static_cast<size_t>(t)] * stride;
      weights[terms++] = s.axis_y.weight[static_cast<size_t>(t)] * scale;
      if (terms == kBlock || t + 1 == end) {
        WeightedSum(logits, weights, terms, count, out);
        logits[0] = out;  // goes on from what there is
        weights[0] = 1.0f;
        terms = 1;
      }
    }
  };
  sum_rows(s.folded, s.row_stride, s.row_stride, rows.mixed.data());
  // Not a whole number of vectors: scalar.
  const int64_t groups = s.tiles.groups();
  for (int64_t g = 0; g < groups; ++g) {
    float sum = 0;
    for (int32_t t = begin; t < end; ++t) {
      sum += s.axis_y.weight[static_cast<size_t>(t)] *
             s.ceilings[static_cast<size_t>(s.axis_y.source[static_cast<size_t>(t)] * groups + g)];
    }
    rows.ceiling[static_cast<size_t>(g)] = sum * scale;
  }
}

// Calls body(tile, first pixel, pixels) for the tiles of a mixed row for which wanted(first pixel, pixels).
template <typename Wanted, typename Body>
HWY_INLINE void ForEachTile(const WindowMergeParams& p, const State& s, const MergeRows& rows,
                            std::vector<const float*>& logits, const Wanted& wanted, const Body& body) {
  for (int64_t tile = 0; tile < s.tiles.tiles(); ++tile) {
    const int64_t x = tile * MergeTiles::kPixels;
    const int64_t pixels = std::min(MergeTiles::kPixels, p.photo_width - x);
    if (!wanted(x, pixels)) continue;
    const int32_t begin = s.tiles.tile_begin[static_cast<size_t>(tile)];
    const int64_t count = s.tiles.tile_begin[static_cast<size_t>(tile) + 1] - begin;
    const int32_t* groups = s.tiles.tile_group.data() + begin;
    logits.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) logits[static_cast<size_t>(i)] = rows.mixed.data() + groups[i] * p.queries;
    body(Tile{s.tiles.weights.data() + begin * MergeTiles::kPixels, groups, count, logits.data()}, x, pixels);
  }
}

// Masks are runs of equal labels: a run is added up in registers.
HWY_INLINE void TallyRow(const int32_t* label, const float* score, int64_t width, ClassTally* tally) {
  for (int64_t x = 0; x < width;) {
    const int64_t begin = x;
    const int32_t current = label[begin];
    int64_t sum = 0;
    float most = 0;
    do {
      sum += static_cast<int32_t>(score[x] * kScoreUnit + 0.5f);
      most = std::max(most, score[x]);
    } while (++x < width && label[x] == current);
    ClassTally& c = tally[current];
    c.pixels += x - begin;
    c.score_sum += sum;
    c.max_score = std::max(c.max_score, most);
  }
}

template <typename Label>
HWY_INLINE void StoreRow(const int32_t* HWY_RESTRICT from, Label* HWY_RESTRICT to, int64_t width) {
  for (int64_t x = 0; x < width; ++x) to[x] = static_cast<Label>(from[x]);
}

// The row's results to their place and into the tally; class 0 below the threshold.
void FinishRow(const WindowMergeParams& p, int64_t y, float threshold, MergeRows& rows) {
  const int64_t width = p.photo_width;
  const int64_t at = y * width;
  int32_t* HWY_RESTRICT label = rows.label.data();
  const float* HWY_RESTRICT score = rows.score.data();
  for (int64_t x = 0; x < width; ++x) label[x] = score[x] < threshold ? 0 : label[x];
  TallyRow(label, score, width, rows.tally.data());
  std::copy_n(score, width, p.scores + at);
  if (p.label_dtype == DType::kU8) {
    StoreRow(label, static_cast<uint8_t*>(p.labels) + at, width);
  } else {
    StoreRow(label, static_cast<uint16_t*>(p.labels) + at, width);
  }
}

// What FinishRow stored, back into rows.label and rows.score.
void ReloadRow(const WindowMergeParams& p, int64_t y, MergeRows& rows) {
  const int64_t at = y * p.photo_width;
  std::copy_n(p.scores + at, p.photo_width, rows.score.data());
  if (p.label_dtype == DType::kU8) {
    std::copy_n(static_cast<const uint8_t*>(p.labels) + at, p.photo_width, rows.label.data());
  } else {
    std::copy_n(static_cast<const uint16_t*>(p.labels) + at, p.photo_width, rows.label.data());
  }
}

// Raw labels and scores of photo row y into rows.label and rows.score; logits and class scores to their planes.
void EvaluateRow(const WindowMergeParams& p, const State& s, int64_t y, MergeRows& rows) {
  const auto every = [](int64_t, int64_t) { return true; };
  const int64_t plane = p.photo_width * p.photo_height;
  MixRow(s, y, ExponentScale(p), rows);
  ForEachTile(p, s, rows, rows.tile_logits, every, [&](const Tile& t, int64_t x, int64_t pixels) HWY_ATTR {
    WithGroups(t.count, [&](auto groups) HWY_ATTR {
      const auto best_of_tile = s.narrow ? BestOfTile<groups(), true> : BestOfTile<groups(), false>;
      best_of_tile(p, t, rows.ceiling.data(), rows.label.data() + x, rows.score.data() + x);
      if (!p.class_scores) return;
      StoreClassScores<groups()>(p, t, pixels, plane, rows.score.data() + x, p.class_scores + y * p.photo_width + x);
    });
  });
  if (!p.full_logits) return;
  MixRow(s, y, 1.0f, rows);
  ForEachTile(p, s, rows, rows.tile_logits, every, [&](const Tile& t, int64_t x, int64_t pixels) HWY_ATTR {
    WithGroups(t.count, [&](auto groups) HWY_ATTR {
      StoreLogits<groups()>(p, t, pixels, plane, p.full_logits + y * p.photo_width + x);
    });
  });
}

// Applies the area filter to the raw labels and scores in rows.label and rows.score.
void RefilterRow(const WindowMergeParams& p, const State& s, int64_t y, MergeRows& rows) {
  bool mixed = false;
  ForEachTile(
      p, s, rows, rows.tile_logits,
      [&](int64_t x, int64_t pixels) {
        const int32_t* label = rows.label.data() + x;
        if (std::all_of(label, label + pixels, [&](int32_t q) { return s.kept[static_cast<size_t>(q)] != 0; })) {
          return false;
        }
        if (!mixed) MixRow(s, y, ExponentScale(p), rows);
        mixed = true;
        return true;
      },
      [&](const Tile& t, int64_t x, int64_t pixels) HWY_ATTR {
        WithGroups(t.count, [&](auto groups) HWY_ATTR {
          RefilterTile<groups()>(p, s, t, pixels, rows.label.data() + x, rows.score.data() + x);
        });
      });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(FoldRow);
HWY_EXPORT(EvaluateRow);
HWY_EXPORT(RefilterRow);
HWY_EXPORT(FinishRow);
HWY_EXPORT(ReloadRow);

WindowMergeWorkspace::WindowMergeWorkspace() : state_(std::make_unique<State>()) {}
WindowMergeWorkspace::~WindowMergeWorkspace() = default;
WindowMergeWorkspace::WindowMergeWorkspace(WindowMergeWorkspace&&) noexcept = default;
WindowMergeWorkspace& WindowMergeWorkspace::operator=(WindowMergeWorkspace&&) noexcept = default;

namespace {

using State = WindowMergeWorkspace::State;

void check(const WindowMergeParams& p) {
  check_params(p);
  for (int64_t k = 0; k < p.queries; ++k) {
    const int32_t before = k == 0 ? 0 : p.query_class[k - 1];
    if (p.query_class[k] < before || p.query_class[k] >= p.classes) fail_on_query(p, k, p.query_class[k]);
  }
}

[[noreturn]] void fail_on_logits(const WindowMergeParams& p, float limit) {
  for (int64_t i = 0; i < p.windows_x * p.windows_y * p.grid_h * p.grid_w * p.queries; ++i) {
    if (!(std::abs(p.logits[i]) <= limit)) fail_on_logit(p, i, p.logits[i]);
  }
  fail(ErrorCode::kInternal, "window_merge: the logits changed while they were read");
}

// Calls body(row of the photo, the thread's rows); the rows of a thread are many, and which ones is chance.
template <typename Body>
void for_each_row(const WindowMergeParams& p, State& s, CpuQueue queue, const Body& body) {
  constexpr int64_t kStrip = 4;  // rows taken at a time
  std::atomic<int64_t> next{0};
  queue.pool->parallel_for(static_cast<int64_t>(s.rows.size()), [&](int64_t slot) {
    for (;;) {
      const int64_t begin = next.fetch_add(kStrip);
      if (begin >= p.photo_height) return;
      const int64_t end = std::min(begin + kStrip, p.photo_height);
      for (int64_t y = begin; y < end; ++y) body(y, s.rows[static_cast<size_t>(slot)]);
    }
  });
}

void prepare(const WindowMergeParams& p, State& s, CpuQueue queue) {
  s.axis_x.build("column", p.window_x, p.windows_x, p.window_width, p.grid_w, p.resized_width, p.photo_width);
  s.axis_y.build("row", p.window_y, p.windows_y, p.window_height, p.grid_h, p.resized_height, p.photo_height);
  s.tiles.build(s.axis_x);

  const int64_t groups = s.tiles.groups();
  const int64_t source_rows = p.windows_y * p.grid_h;
  s.row_stride = (groups * p.queries + MergeTiles::kPixels - 1) / MergeTiles::kPixels * MergeTiles::kPixels;
  s.folded.resize_discard(static_cast<size_t>(source_rows * s.row_stride));
  s.ceilings.resize_discard(static_cast<size_t>(source_rows * groups));
  const auto threads = std::min<int64_t>(queue.pool->threads_here(), (p.photo_height + 3) / 4);
  s.rows.resize(static_cast<size_t>(threads));
  for (MergeRows& rows : s.rows) {
    rows.mixed.resize_discard(static_cast<size_t>(s.row_stride));
    rows.ceiling.resize_discard(static_cast<size_t>(groups));
    rows.label.resize_discard(static_cast<size_t>(s.tiles.tiles() * MergeTiles::kPixels));
    rows.score.resize_discard(static_cast<size_t>(s.tiles.tiles() * MergeTiles::kPixels));
    rows.tally.assign(static_cast<size_t>(p.classes), {});
  }
}

void fold(const WindowMergeParams& p, State& s, CpuQueue queue) {
  const float limit = merge_logit_limit(p);
  std::atomic<uint32_t> largest{0};
  queue.pool->parallel_for(p.windows_y * p.grid_h, [&](int64_t row) {
    const uint32_t here = HWY_DYNAMIC_DISPATCH(FoldRow)(p, s, row);
    for (uint32_t seen = largest; seen < here && !largest.compare_exchange_weak(seen, here);) {
    }
    // The padding is computed with and never used; it must not be a trap value.
    float* end = s.folded.data() + (row + 1) * s.row_stride;
    std::fill(end - (s.row_stride - s.tiles.groups() * p.queries), end, 0.0f);
  });
  if (largest > std::bit_cast<uint32_t>(limit)) fail_on_logits(p, limit);
  // Bilinear values stay within ± the largest magnitude; 2^-120 is well inside the normal floats.
  s.narrow = 2 * 1.443f * p.logit_scale * std::bit_cast<float>(largest.load()) <= 120.0f;
}

void add_up(State& s, int64_t classes) {
  s.total.assign(static_cast<size_t>(classes), {});
  for (MergeRows& rows : s.rows) {
    for (size_t q = 0; q < s.total.size(); ++q) {
      s.total[q].pixels += rows.tally[q].pixels;
      s.total[q].score_sum += rows.tally[q].score_sum;
      s.total[q].max_score = std::max(s.total[q].max_score, rows.tally[q].max_score);
      rows.tally[q] = {};
    }
  }
}

// Which classes the filter keeps, from the raw counts in s.total; in f32, as torch compares them.
void choose_kept(const WindowMergeParams& p, State& s) {
  int64_t foreground = 0;
  for (size_t q = 1; q < s.total.size(); ++q) foreground += s.total[q].pixels;
  s.kept.assign(s.total.size(), 1);
  for (size_t q = 1; q < s.total.size(); ++q) {
    s.kept[q] = static_cast<float>(s.total[q].pixels) > *p.area_threshold * static_cast<float>(foreground);
  }
  s.kept_queries.clear();
  for (int64_t k = 0; k < p.queries; ++k) {
    if (!s.kept[static_cast<size_t>(p.query_class[k])]) continue;
    if (s.kept_queries.empty() || s.kept_queries.back().end != k) s.kept_queries.push_back({k, k});
    s.kept_queries.back().end = k + 1;
  }
}

void merge(const WindowMergeParams& p, State& s, CpuQueue queue) {
  const bool filter = p.area_threshold.has_value();
  for_each_row(p, s, queue, [&](int64_t y, MergeRows& rows) {
    HWY_DYNAMIC_DISPATCH(EvaluateRow)(p, s, y, rows);
    HWY_DYNAMIC_DISPATCH(FinishRow)(p, y, filter ? 0.0f : p.prob_threshold, rows);
  });
  add_up(s, p.classes);
  if (!filter) return;

  choose_kept(p, s);
  for_each_row(p, s, queue, [&](int64_t y, MergeRows& rows) {
    HWY_DYNAMIC_DISPATCH(ReloadRow)(p, y, rows);
    HWY_DYNAMIC_DISPATCH(RefilterRow)(p, s, y, rows);
    HWY_DYNAMIC_DISPATCH(FinishRow)(p, y, p.prob_threshold, rows);
  });
  add_up(s, p.classes);
  if (p.class_scores) {
    const int64_t plane = p.photo_width * p.photo_height;
    queue.pool->parallel_for(p.classes, [&](int64_t q) {
      if (!s.kept[static_cast<size_t>(q)]) std::fill_n(p.class_scores + q * plane, plane, 0.0f);
    });
  }
}

}  // namespace

void window_merge_cpu(const WindowMergeParams& p, WindowMergeWorkspace& workspace, CpuQueue queue) {
  if (p.fault) *p.fault = {};
  check(p);
  State& s = workspace.state();
  prepare(p, s, queue);
  fold(p, s, queue);
  merge(p, s, queue);
  if (p.statistics) {
    for (size_t q = 0; q < s.total.size(); ++q) {
      p.statistics[q] = {s.total[q].pixels, static_cast<double>(s.total[q].score_sum) / static_cast<double>(kScoreUnit),
                         s.total[q].max_score};
    }
  }
}

}  // namespace sclip
#endif  // HWY_ONCE
