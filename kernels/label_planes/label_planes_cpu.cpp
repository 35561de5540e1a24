// A strip of 4096 pixels a task; in it 16 pixels at a time, whose state stays in registers while the group's planes
// pass by. Labels are widened to 32 bits in a buffer of the worker's on the way in, and narrowed on the way out.
// Limited by arithmetic from a few planes on (a logit costs about 17 operations, as in window_merge, for 4 bytes); a
// group of one plane by memory: 22 bytes a pixel read and 18 written.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/label_planes/label_planes.h"
#include "kernels/label_planes/label_state.h"
#include "kernels/label_planes/label_tally.h"
#include "kernels/window_merge/merge_fault.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/label_planes/label_planes_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/label_planes/label_rows-inl.h"
#include "kernels/label_planes/softmax-inl.h"

#ifndef SCLIP_LABEL_PLANES_TYPES
#define SCLIP_LABEL_PLANES_TYPES
namespace sclip {

inline constexpr int64_t kStripPixels = 4096;

// What a task works on.
struct LabelStrip {
  const LabelPlanesParams& p;
  const LabelState& state;
  int64_t first, count;  // pixels
  int32_t* label;        // (kStripPixels) the worker's
  LabelTally* tally;     // (label_slots) the worker's
};

}  // namespace sclip
#endif

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Calls body(d, i) for vectors of pixels i …, and single pixels at the end.
template <typename Body>
HWY_INLINE void ForEachVector(int64_t count, const Body& body) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) body(d, i);
  for (; i < count; ++i) body(hn::CappedTag<float, 1>(), i);
}

// Returns the largest magnitude's bits, by which a NaN counts as larger than infinity.
uint32_t AddStrip(const LabelStrip& s) {
  const LabelPlanesParams& p = s.p;
  const int64_t pixels = p.height * p.width;
  const float* planes = p.planes + s.first;
  const int32_t* query_class = p.rule.query_class + p.first_query;
  float* reference = s.state.reference + s.first;
  float* best = s.state.best + s.first;
  float* sum = p.out.scores + s.first;
  if (p.first_query != 0) LoadLabels(p.out, s.first, s.count, s.label);
  uint32_t largest = 0;
  ForEachVector(s.count, [&](auto d, int64_t i) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    const hn::RebindToUnsigned<decltype(d)> du;
    const auto scale = hn::Set(d, exponent_scale(p.rule));
    auto most = hn::Zero(du);
    RunningSoftmax<decltype(d)> softmax;
    int64_t k = 0;
    if (p.first_query == 0) {
      const auto x = hn::LoadU(d, planes + i);
      most = hn::BitCast(du, hn::Abs(x));
      StartSoftmax(d, x, scale, query_class[0], softmax);
      k = 1;
    } else {
      softmax = {hn::LoadU(d, reference + i), hn::LoadU(d, best + i), hn::LoadU(d, sum + i),
                 hn::LoadU(di, s.label + i)};
    }
    for (; k < p.count; ++k) {
      const auto x = hn::LoadU(d, planes + k * pixels + i);
      most = hn::Max(most, hn::BitCast(du, hn::Abs(x)));
      AddToSoftmax<false>(d, x, scale, query_class[k], softmax);
    }
    hn::StoreU(softmax.reference, d, reference + i);
    hn::StoreU(softmax.best, d, best + i);
    hn::StoreU(softmax.sum, d, sum + i);
    hn::StoreU(softmax.label, di, s.label + i);
    largest = std::max(largest, hn::GetLane(hn::MaxOfLanes(du, most)));
  });
  StoreLabels(s.label, s.first, s.count, p.out);
  return largest;
}

// Scores in place of the sums, and the tally: of the results without an area filter, before it with one.
void ScoreStrip(const LabelStrip& s) {
  const LabelPlanesParams& p = s.p;
  float* score = p.out.scores + s.first;
  LoadLabels(p.out, s.first, s.count, s.label);
  ForEachVector(s.count, [&](auto d, int64_t i) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    const RunningSoftmax<decltype(d)> softmax{hn::LoadU(d, s.state.reference + s.first + i),
                                              hn::LoadU(d, s.state.best + s.first + i), hn::LoadU(d, score + i),
                                              hn::Zero(di)};
    hn::StoreU(BestScore(d, hn::Set(d, exponent_scale(p.rule)), softmax), d, score + i);
  });
  if (!p.rule.area_threshold) {
    ApplyThreshold(p.rule.prob_threshold, p.rule.low_label.value_or(0), score, s.count, s.label);
    StoreLabels(s.label, s.first, s.count, p.out);
  }
  TallyRow(p.rule, s.label, score, s.count, s.tally);
}

// Finishes the pixels whose class was kept and marks the others; returns how many those are.
int64_t FilterStrip(const LabelStrip& s) {
  const LabelPlanesParams& p = s.p;
  const float* score = p.out.scores + s.first;
  LoadLabels(p.out, s.first, s.count, s.label);
  int64_t removed = 0;
  for (int64_t i = 0; i < s.count; ++i) {
    const bool kept = s.state.kept_class[s.label[i]] != 0;
    s.state.reference[s.first + i] = (kept ? 1 : -1) * std::numeric_limits<float>::infinity();
    removed += kept ? 0 : 1;
    if (kept && score[i] < p.rule.prob_threshold) s.label[i] = p.rule.low_label.value_or(0);
  }
  StoreLabels(s.label, s.first, s.count, p.out);
  for (int64_t i = 0; i < s.count; ++i) {
    if (std::isinf(s.state.reference[s.first + i]) && s.state.reference[s.first + i] < 0) s.label[i] = -1;
  }
  TallyRow(p.rule, s.label, score, s.count, s.tally);
  return removed;
}

void AddKeptStrip(const LabelStrip& s) {
  const LabelPlanesParams& p = s.p;
  const int64_t pixels = p.height * p.width;
  float* kept_best = s.state.reference + s.first;
  const auto removed = [](float x) { return x < std::numeric_limits<float>::infinity(); };
  if (std::none_of(kept_best, kept_best + s.count, removed)) return;
  LoadLabels(p.out, s.first, s.count, s.label);
  ForEachVector(s.count, [&](auto d, int64_t i) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    auto best = hn::LoadU(d, kept_best + i);
    auto label = hn::LoadU(di, s.label + i);
    for (int64_t k = 0; k < p.count; ++k) {
      const int32_t query_class = p.rule.query_class[p.first_query + k];
      if (s.state.kept_class[query_class] == 0) continue;
      const auto x = hn::LoadU(d, p.planes + k * pixels + s.first + i);
      const auto better = hn::Gt(x, best);
      best = hn::IfThenElse(better, x, best);
      label = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, query_class), label);
    }
    hn::StoreU(best, d, kept_best + i);
    hn::StoreU(label, di, s.label + i);
  });
  StoreLabels(s.label, s.first, s.count, p.out);
}

void FinishKeptStrip(const LabelStrip& s) {
  const LabelPlanesParams& p = s.p;
  float* score = p.out.scores + s.first;
  const float* kept_best = s.state.reference + s.first;
  LoadLabels(p.out, s.first, s.count, s.label);
  ForEachVector(s.count, [&](auto d, int64_t i) HWY_ATTR {
    const auto kept = hn::LoadU(d, kept_best + i);
    const auto before = hn::LoadU(d, score + i);
    const auto scale = hn::Set(d, exponent_scale(p.rule));
    const auto after = ScoreOf(d, kept, scale, hn::LoadU(d, s.state.best + s.first + i), before);
    const auto removed = hn::Lt(kept, hn::Set(d, std::numeric_limits<float>::infinity()));
    hn::StoreU(hn::IfThenElse(removed, after, before), d, score + i);
  });
  for (int64_t i = 0; i < s.count; ++i) {
    if (!(kept_best[i] < std::numeric_limits<float>::infinity())) continue;
    if (!(score[i] > 0.0f)) s.label[i] = 0;  // all scores 0: the lowest class
    if (score[i] < p.rule.prob_threshold) s.label[i] = p.rule.low_label.value_or(0);
  }
  StoreLabels(s.label, s.first, s.count, p.out);
  for (int64_t i = 0; i < s.count; ++i) {
    if (!(kept_best[i] < std::numeric_limits<float>::infinity())) s.label[i] = -1;  // counted already
  }
  TallyRow(p.rule, s.label, score, s.count, s.tally);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(AddStrip);
HWY_EXPORT(ScoreStrip);
HWY_EXPORT(FilterStrip);
HWY_EXPORT(AddKeptStrip);
HWY_EXPORT(FinishKeptStrip);

namespace {

// Runs strips over the photo, each worker with a buffer for labels and a tally.
class Strips {
 public:
  Strips(const LabelPlanesParams& p, const LabelState& state, CpuQueue queue) : p_(p), state_(state), queue_(queue) {
    queue_.scratch->reserve_workers(workers(), bytes());
  }

  template <typename Body>
  void for_each(const Body& body) {
    const int64_t pixels = p_.height * p_.width;
    queue_.pool->parallel_for_workers((pixels + kStripPixels - 1) / kStripPixels, [&](int worker, int64_t strip) {
      const int64_t first = strip * kStripPixels;
      body(LabelStrip{p_, state_, first, std::min(kStripPixels, pixels - first), label(worker), tally(worker)});
    });
  }

  // The same, adding the workers' tallies up to `total`.
  template <typename Body>
  void for_each_counted(LabelTally* total, int64_t slots, const Body& body) {
    for (int w = 0; w < workers(); ++w) std::fill_n(tally(w), label_slots(p_.rule), LabelTally{});
    for_each(body);
    for (int w = 0; w < workers(); ++w) move_tally(tally(w), total, slots);
  }

 private:
  int workers() const { return queue_.pool->threads_here(); }
  size_t bytes() const {
    return sizeof(int32_t) * kStripPixels + sizeof(LabelTally) * static_cast<size_t>(label_slots(p_.rule));
  }
  int32_t* label(int worker) const { return reinterpret_cast<int32_t*>(queue_.scratch->worker(worker)); }
  LabelTally* tally(int worker) const { return reinterpret_cast<LabelTally*>(label(worker) + kStripPixels); }

  const LabelPlanesParams& p_;
  const LabelState& state_;
  CpuQueue queue_;
};

[[noreturn]] void fail_on_planes(const LabelPlanesParams& p) {
  const int64_t pixels = p.height * p.width;
  for (int64_t i = 0; i < pixels; ++i) {
    for (int64_t k = 0; k < p.count; ++k) {
      const float x = p.planes[k * pixels + i];
      if (!(std::abs(x) <= logit_limit(p.rule))) fail_on_plane(p, i, x);
    }
  }
  fail(ErrorCode::kInternal, "label_planes: the planes changed while they were read");
}

void add(const LabelPlanesParams& p, Strips& strips) {
  std::atomic<uint32_t> largest{0};
  strips.for_each([&](const LabelStrip& strip) {
    const uint32_t here = HWY_DYNAMIC_DISPATCH(AddStrip)(strip);
    for (uint32_t seen = largest; seen < here && !largest.compare_exchange_weak(seen, here);) {
    }
  });
  if (largest > std::bit_cast<uint32_t>(logit_limit(p.rule))) fail_on_planes(p);
}

void finish(const LabelPlanesParams& p, const LabelState& s, Strips& strips) {
  std::fill_n(s.raw, p.rule.classes, LabelTally{});
  std::fill_n(s.total, label_slots(p.rule), LabelTally{});
  s.head->removed_pixels = 0;
  const bool filter = p.rule.area_threshold.has_value();
  strips.for_each_counted(filter ? s.raw : s.total, filter ? p.rule.classes : label_slots(p.rule),
                          [](const LabelStrip& strip) {
                            HWY_DYNAMIC_DISPATCH(ScoreStrip)
                            (strip);
                          });
  if (!filter) return;
  choose_kept(p.rule, s.raw, s.kept_class);
  std::atomic<int64_t> removed{0};
  strips.for_each_counted(s.total, label_slots(p.rule),
                          [&](const LabelStrip& strip) { removed += HWY_DYNAMIC_DISPATCH(FilterStrip)(strip); });
  s.head->removed_pixels = removed;
}

}  // namespace

size_t label_state_bytes(int64_t height, int64_t width, int64_t classes) {
  return label_state(nullptr, height * width, classes).bytes;
}

void label_planes_cpu(const LabelPlanesParams& p, CpuQueue queue) {
  check_params(p);
  check_query_classes(p.rule);
  const LabelState state = label_state(p);
  Strips strips(p, state, queue);
  switch (p.step) {
    case LabelStep::kAdd: return add(p, strips);
    case LabelStep::kFinish: finish(p, state, strips); break;
    case LabelStep::kAddKept:
      return strips.for_each([](const LabelStrip& strip) { HWY_DYNAMIC_DISPATCH(AddKeptStrip)(strip); });
    case LabelStep::kFinishKept:
      strips.for_each_counted(state.total, label_slots(p.rule), [](const LabelStrip& strip) {
        HWY_DYNAMIC_DISPATCH(FinishKeptStrip)(strip);
      });
      break;
  }
  write_statistics(state.total, label_slots(p.rule), p.out.statistics);
}

}  // namespace sclip
#endif  // HWY_ONCE
