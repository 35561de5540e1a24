// The search for logit scale and threshold: every pair of a grid, judged on the planes of some photos.
//
// With masks      objective = mIoU in percent: over all photos together, the mean over the classes that are in the
//                 masks or among the labels.
// Without masks   the mirrored photo is the judge: a label that survives mirroring is taken for right.
//                 calibration(scale) = mean of −ln of the probability that the photo gives to the mirrored one's class:
//                 smallest where a score says how often a label survives. It chooses the scale.
//                 objective(scale, threshold) = the share of the surviving labels that the threshold keeps minus the
//                 share of the others that it keeps, in percent (Youden's J). It chooses the threshold.
//                 Where low scores become class 0, pixels that have it anyway do not count.
// No scale changes a label by itself: it moves scores against the threshold.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "apps/tune/words_at_pixels.h"
#include "core/thread_pool.h"

namespace sclip {

enum class LowScores : uint8_t { kBecomeClass0, kBecomeNoClass };

struct SearchSpace {
  std::vector<float> scales;      // ascending, each above 0
  std::vector<float> thresholds;  // ascending in 0…1; a single 0: no threshold is looked for
  std::optional<float> area_thd{};
  LowScores low = LowScores::kBecomeClass0;
};

struct SearchPoint {
  size_t scale = 0, threshold = 0;  // places in the space

  bool operator==(const SearchPoint&) const = default;
};

struct SearchResult {
  std::vector<double> objective;    // (S, T) percent
  std::vector<double> calibration;  // (S) nats; empty with masks
  SearchPoint best;
  // With masks of two or more photos: each photo judged by what the others would choose; percent.
  std::optional<double> held_out{};

  double at(SearchPoint p, const SearchSpace& space) const {
    return objective[p.scale * space.thresholds.size() + p.threshold];
  }
};

// Among equal objectives `present` is best, then the lowest threshold, then the lowest scale. All photos have masks, or
// none has. Throws kInvalidArgument for no photo and for an empty space.
SearchResult search_thresholds(std::span<const PhotoSample> photos, const WordChoice& words, const SearchSpace& space,
                               SearchPoint present, ThreadPool& pool);

// Percent; NaN where no class occurs. Intersection, labels and truth per class.
double mean_iou(std::span<const int64_t> hits, std::span<const int64_t> labels, std::span<const int64_t> truth);

}  // namespace sclip
