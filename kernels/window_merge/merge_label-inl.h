// Labels of the photo's tiles while their logits pass by, and once more where the area filter removed a class. Inside
// Highway's foreach_target.

// Once a target: Highway includes this file again for each.
#if defined(SCLIP_KERNELS_WINDOW_MERGE_MERGE_LABEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_WINDOW_MERGE_MERGE_LABEL_INL_H_
#undef SCLIP_KERNELS_WINDOW_MERGE_MERGE_LABEL_INL_H_
#else
#define SCLIP_KERNELS_WINDOW_MERGE_MERGE_LABEL_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/label_planes/label_rows-inl.h"
#include "kernels/label_planes/softmax-inl.h"
#include "kernels/window_merge/merge_mix-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

using LabelTag = hn::RebindToSigned<TileTag>;

// Best class and its probability for each pixel of the tile. kNarrow: see AddToSoftmax.
template <int kGroups, bool kNarrow>
HWY_NOINLINE void LabelTile(const LabelRule& rule, const Tile& t, int32_t* label, float* score) {
  const TileTag d;
  const LabelTag di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto scale = hn::Set(d, exponent_scale(rule));
  for (int64_t u = 0; u < MergeTiles::kPixels; u += lanes) {
    RunningSoftmax<TileTag> softmax;
    StartSoftmax(d, Logit<kGroups>(d, t, u, 0), scale, rule.query_class[0], softmax);
    for (int64_t k = 1; k < rule.queries; ++k) {
      AddToSoftmax<kNarrow>(d, Logit<kGroups>(d, t, u, k), scale, rule.query_class[k], softmax);
    }
    hn::StoreU(BestScore(d, scale, softmax), d, score + u);
    hn::StoreU(softmax.label, di, label + u);
  }
}

// Replaces the pixels whose class the area filter removed by the best of the classes it kept.
template <int kGroups>
HWY_NOINLINE void RefilterTile(const LabelRule& rule, const State& s, const Tile& t, int64_t pixels, int32_t* label,
                               float* score) {
  const TileTag d;
  const LabelTag di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto scale = hn::Set(d, exponent_scale(rule));
  const auto lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  HWY_ALIGN float new_score[MergeTiles::kPixels];
  HWY_ALIGN int32_t new_label[MergeTiles::kPixels];
  for (int64_t u = 0; u < MergeTiles::kPixels; u += lanes) {
    auto best = lowest;
    for (int64_t k = 0; k < rule.queries; ++k) best = hn::Max(best, Logit<kGroups>(d, t, u, k));
    auto kept_best = lowest;
    auto kept_class = hn::Zero(di);
    for (const QueryRange range : s.kept_queries) {
      for (int64_t k = range.begin; k < range.end; ++k) {
        const auto x = Logit<kGroups>(d, t, u, k);
        const auto better = hn::Gt(x, kept_best);
        kept_best = hn::IfThenElse(better, x, kept_best);
        kept_class = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, rule.query_class[k]), kept_class);
      }
    }
    hn::StoreU(ScoreOf(d, kept_best, scale, best, hn::LoadU(d, score + u)), d, new_score + u);
    hn::StoreU(kept_class, di, new_label + u);
  }
  for (int64_t i = 0; i < pixels; ++i) {
    if (s.kept[static_cast<size_t>(label[i])]) continue;
    score[i] = new_score[i];
    label[i] = new_score[i] > 0.0f ? new_label[i] : 0;  // all scores 0: the lowest class
  }
}

// Labels and scores of photo row y before filter and threshold, into rows.label and rows.score.
void LabelRow(const WindowMergeParams& p, const State& s, int64_t y, MergeRows& rows) {
  const auto every = [](int64_t, int64_t) { return true; };
  MixRow(s, y, rows);
  ForEachTile(p.windows.photo_width, s, rows, every, [&](const Tile& t, int64_t x, int64_t) HWY_ATTR {
    WithGroups(t.count, [&](auto groups) HWY_ATTR {
      const auto label_tile = s.narrow ? LabelTile<groups(), true> : LabelTile<groups(), false>;
      label_tile(p.rule, t, rows.label.data() + x, rows.score.data() + x);
    });
  });
}

// Applies the area filter to the labels and scores that FinishRow stored; scores that nobody wants are computed anew.
void RefilterRow(const WindowMergeParams& p, const State& s, int64_t y, MergeRows& rows) {
  const int64_t width = p.windows.photo_width;
  bool mixed = p.out.scores == nullptr;
  if (mixed) {
    LabelRow(p, s, y, rows);
  } else {
    LoadLabels(p.out, y * width, width, rows.label.data());
    std::copy_n(p.out.scores + y * width, width, rows.score.data());
  }
  ForEachTile(
      width, s, rows,
      [&](int64_t x, int64_t pixels) {
        const int32_t* label = rows.label.data() + x;
        if (std::all_of(label, label + pixels, [&](int32_t q) { return s.kept[static_cast<size_t>(q)] != 0; })) {
          return false;
        }
        if (!mixed) MixRow(s, y, rows);
        mixed = true;
        return true;
      },
      [&](const Tile& t, int64_t x, int64_t pixels) HWY_ATTR {
        WithGroups(t.count, [&](auto groups) HWY_ATTR {
          RefilterTile<groups()>(p.rule, s, t, pixels, rows.label.data() + x, rows.score.data() + x);
        });
      });
}

// The row's results to their place and into the tally.
void FinishRow(const WindowMergeParams& p, int64_t y, float threshold, MergeRows& rows) {
  const int64_t width = p.windows.photo_width;
  ApplyThreshold(threshold, p.rule.low_label.value_or(0), rows.score.data(), width, rows.label.data());
  TallyRow(p.rule, rows.label.data(), rows.score.data(), width, rows.tally.data());
  if (p.out.scores != nullptr) std::copy_n(rows.score.data(), width, p.out.scores + y * width);
  StoreLabels(rows.label.data(), y * width, width, p.out);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
