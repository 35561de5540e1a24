// Three steps, and no plane of the photo's size besides the results:
//   fold    once a call: add up the patch columns that always share a weight       (windows_y · h, groups, K)
//   mix     once a photo row: the row's few patch rows, weighted                   (groups, K), in L2
//   tile    16 pixels at a time, lanes = pixels, query after query (merge_mix-inl.h):
//             logit = Σ weight vector · broadcast
//           window_planes stores it; window_merge feeds it to the running softmax (label_planes/softmax-inl.h): best
//           logit and its class, Σ 2^(scaled logit − reference). The first query's logit is the reference, which spares
//           a pass for the maximum; cosines at the usual scales cannot be far above it.
//
// The best class is that of the best logit: exp is monotonic, and the best query's class is the best class. That also
// spares the per-class maxima.
//
// Cost per pixel and query with AVX-512 or AVX2: 2–3 multiply-adds for the logit (4–6 where windows are out of
// register), about 17 for the rest; docs/kernels/window_merge.md counts them.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>

#include "kernels/label_planes/label_tally.h"
#include "kernels/window_merge/merge_fault.h"
#include "kernels/window_merge/merge_state.h"
#include "kernels/window_merge/window_merge.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/window_merge/window_merge_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/window_merge/merge_label-inl.h"
#include "kernels/window_merge/merge_mix-inl.h"

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(FoldRow);
HWY_EXPORT(StoreRow);
HWY_EXPORT(LabelRow);
HWY_EXPORT(RefilterRow);
HWY_EXPORT(FinishRow);

WindowMergeWorkspace::WindowMergeWorkspace() : state_(std::make_unique<State>()) {}
WindowMergeWorkspace::~WindowMergeWorkspace() = default;
WindowMergeWorkspace::WindowMergeWorkspace(WindowMergeWorkspace&&) noexcept = default;
WindowMergeWorkspace& WindowMergeWorkspace::operator=(WindowMergeWorkspace&&) noexcept = default;

namespace {

using State = WindowMergeWorkspace::State;

[[noreturn]] void fail_on_logits(const WindowLogits& w, const State& s, float limit) {
  for (int64_t i = 0; i < w.windows_x * w.windows_y * w.grid_h * w.grid_w * w.queries; ++i) {
    const int64_t query = i % w.queries;
    if (query < s.range.begin || query >= s.range.end) continue;
    if (!(std::abs(w.logits[i]) <= limit)) fail_on_logit(w, limit, i, w.logits[i]);
  }
  fail(ErrorCode::kInternal, "window_merge: the logits changed while they were read");
}

// Calls body(row of the photo, the worker's rows).
template <typename Body>
void for_each_row(const WindowLogits& w, State& s, ThreadPool& pool, const Body& body) {
  constexpr int64_t kStrip = 4;  // rows taken at a time
  pool.parallel_for_workers((w.photo_height + kStrip - 1) / kStrip, [&](int worker, int64_t strip) {
    const int64_t end = std::min((strip + 1) * kStrip, w.photo_height);
    for (int64_t y = strip * kStrip; y < end; ++y) body(y, s.rows[static_cast<size_t>(worker)]);
  });
}

// Tables and room for a call on the queries of `range`.
void prepare(const WindowLogits& w, QueryRange range, int64_t slots, int workers, State& s) {
  s.range = range;
  s.axis_x.build("column", w.window_x, w.windows_x, w.window_width, w.grid_w, w.resized_width, w.photo_width);
  s.axis_y.build("row", w.window_y, w.windows_y, w.window_height, w.grid_h, w.resized_height, w.photo_height);
  s.tiles.build(s.axis_x);

  const int64_t used = s.tiles.groups() * (range.end - range.begin);
  s.row_stride = (used + MergeTiles::kPixels - 1) / MergeTiles::kPixels * MergeTiles::kPixels;
  s.folded.resize_discard(static_cast<size_t>(w.windows_y * w.grid_h * s.row_stride));
  s.rows.resize(static_cast<size_t>(workers));
  for (MergeRows& rows : s.rows) {
    rows.mixed.resize_discard(static_cast<size_t>(s.row_stride));
    rows.label.resize_discard(static_cast<size_t>(s.tiles.tiles() * MergeTiles::kPixels));
    rows.score.resize_discard(static_cast<size_t>(s.tiles.tiles() * MergeTiles::kPixels));
    rows.tally.assign(static_cast<size_t>(slots), {});
  }
}

// Returns the largest magnitude among the range's logits.
float fold(const WindowLogits& w, float limit, ThreadPool& pool, State& s) {
  std::atomic<uint32_t> largest{0};
  pool.parallel_for(w.windows_y * w.grid_h, [&](int64_t row) {
    const uint32_t here = HWY_DYNAMIC_DISPATCH(FoldRow)(w, s, row);
    for (uint32_t seen = largest; seen < here && !largest.compare_exchange_weak(seen, here);) {
    }
    // The padding is computed with and never used; it must not be a trap value.
    float* begin = s.folded.data() + row * s.row_stride;
    std::fill(begin + s.tiles.groups() * (s.range.end - s.range.begin), begin + s.row_stride, 0.0f);
  });
  if (largest > std::bit_cast<uint32_t>(limit)) fail_on_logits(w, s, limit);
  return std::bit_cast<float>(largest.load());
}

void add_up(State& s, int64_t slots) {
  s.total.assign(static_cast<size_t>(slots), {});
  for (MergeRows& rows : s.rows) move_tally(rows.tally.data(), s.total.data(), slots);
}

void choose_queries(const LabelRule& rule, State& s) {
  s.kept.resize(static_cast<size_t>(rule.classes));
  choose_kept(rule, s.total.data(), s.kept.data());
  s.kept_queries.clear();
  for (int64_t k = 0; k < rule.queries; ++k) {
    if (!s.kept[static_cast<size_t>(rule.query_class[k])]) continue;
    if (s.kept_queries.empty() || s.kept_queries.back().end != k) s.kept_queries.push_back({k, k});
    s.kept_queries.back().end = k + 1;
  }
}

}  // namespace

void window_merge_cpu(const WindowMergeParams& p, WindowMergeWorkspace& workspace, CpuQueue queue) {
  check_params(p);
  check_query_classes(p.rule);
  State& s = workspace.state();
  ThreadPool& pool = *queue.pool;
  const int64_t slots = label_slots(p.rule);
  prepare(p.windows, {0, p.rule.queries}, slots, pool.threads_here(), s);
  const float largest = fold(p.windows, logit_limit(p.rule), pool, s);
  // Bilinear values stay within ± the largest magnitude, but for the roundings of a few terms.
  s.narrow = 2 * 1.001f * exponent_scale(p.rule) * largest <= kReferenceRange;

  const bool filter = p.rule.area_threshold.has_value();
  for_each_row(p.windows, s, pool, [&](int64_t y, MergeRows& rows) {
    HWY_DYNAMIC_DISPATCH(LabelRow)(p, s, y, rows);
    HWY_DYNAMIC_DISPATCH(FinishRow)(p, y, filter ? 0.0f : p.rule.prob_threshold, rows);
  });
  add_up(s, slots);
  if (filter) {
    choose_queries(p.rule, s);
    for_each_row(p.windows, s, pool, [&](int64_t y, MergeRows& rows) {
      HWY_DYNAMIC_DISPATCH(RefilterRow)(p, s, y, rows);
      HWY_DYNAMIC_DISPATCH(FinishRow)(p, y, p.rule.prob_threshold, rows);
    });
    add_up(s, slots);
  }
  write_statistics(s.total.data(), slots, p.out.statistics);
}

void window_planes_cpu(const WindowPlanesParams& p, WindowMergeWorkspace& workspace, CpuQueue queue) {
  check_params(p);
  State& s = workspace.state();
  prepare(p.windows, {p.first_query, p.first_query + p.count}, 0, queue.pool->threads_here(), s);
  fold(p.windows, kPlaneLogitLimit, *queue.pool, s);
  for_each_row(p.windows, s, *queue.pool, [&](int64_t y, MergeRows& rows) {
    HWY_DYNAMIC_DISPATCH(StoreRow)(p, s, y, rows);
  });
}

}  // namespace sclip
#endif  // HWY_ONCE
