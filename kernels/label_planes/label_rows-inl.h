// Finished pixels, as window_merge and label_planes write them: threshold, tally, and the outputs' types. Inside
// Highway's foreach_target, for the compiler to vectorise.

// Once a target: Highway includes this file again for each.
#if defined(SCLIP_KERNELS_LABEL_PLANES_LABEL_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_LABEL_PLANES_LABEL_ROWS_INL_H_
#undef SCLIP_KERNELS_LABEL_PLANES_LABEL_ROWS_INL_H_
#else
#define SCLIP_KERNELS_LABEL_PLANES_LABEL_ROWS_INL_H_
#endif

#include <algorithm>
#include <bit>

#include "hwy/highway.h"
#include "kernels/label_planes/label_state.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

// Adds pixels to their labels' tallies: those with label −1 to none, those with the label of low scores to the one
// behind the classes'. Masks are runs of equal labels: a run is added up in registers.
HWY_INLINE void TallyRow(const LabelRule& rule, const int32_t* label, const float* score, int64_t count,
                         LabelTally* tally) {
  for (int64_t x = 0; x < count;) {
    const int64_t begin = x;
    const int32_t current = label[begin];
    int64_t sum = 0;
    float most = 0;
    do {
      sum += static_cast<int32_t>(score[x] * kScoreUnit + 0.5f);
      most = std::max(most, score[x]);
    } while (++x < count && label[x] == current);
    if (current < 0) continue;
    LabelTally& t = tally[std::min(int64_t{current}, rule.classes)];
    t.pixels += static_cast<uint32_t>(x - begin);
    t.score_sum += static_cast<uint64_t>(sum);
    t.max_score = std::max(t.max_score, std::bit_cast<uint32_t>(most));
  }
}

HWY_INLINE void ApplyThreshold(float threshold, int32_t low_label, const float* HWY_RESTRICT score, int64_t count,
                               int32_t* HWY_RESTRICT label) {
  for (int64_t x = 0; x < count; ++x) label[x] = score[x] < threshold ? low_label : label[x];
}

template <typename From, typename To>
HWY_INLINE void ConvertRow(const From* HWY_RESTRICT from, int64_t count, To* HWY_RESTRICT to) {
  for (int64_t x = 0; x < count; ++x) to[x] = static_cast<To>(from[x]);
}

HWY_INLINE void StoreLabels(const int32_t* label, int64_t first, int64_t count, const LabelOutputs& out) {
  if (out.label_dtype == DType::kU8) {
    ConvertRow(label, count, static_cast<uint8_t*>(out.labels) + first);
  } else {
    ConvertRow(label, count, static_cast<uint16_t*>(out.labels) + first);
  }
}

HWY_INLINE void LoadLabels(const LabelOutputs& out, int64_t first, int64_t count, int32_t* label) {
  if (out.label_dtype == DType::kU8) {
    ConvertRow(static_cast<const uint8_t*>(out.labels) + first, count, label);
  } else {
    ConvertRow(static_cast<const uint16_t*>(out.labels) + first, count, label);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
