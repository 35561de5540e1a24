#include "apps/tune/threshold_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sclip/error.h"

namespace sclip {
namespace {

// Equal but for rounding: then the present choice is as good.
constexpr double kEqual = 1e-9;

// Of a photo, for every pair of the space.
struct Tally {
  std::vector<int32_t> hits;                    // (S, T, Q) label and truth are this class
  std::vector<int32_t> labels;                  // (S, T, Q) label is this class, truth is any
  std::vector<int64_t> truth;                   // (Q)
  std::vector<double> losses;                   // (S) sum of −ln p, without masks
  std::vector<int64_t> kept_right, kept_wrong;  // (S, T) without masks
  int64_t right = 0, wrong = 0;
};

size_t thresholds_reached(const std::vector<float>& thresholds, double score) {
  return static_cast<size_t>(std::upper_bound(thresholds.begin(), thresholds.end(), score) - thresholds.begin());
}

class PhotoTally {
 public:
  PhotoTally(const PhotoSample& photo, const WordChoice& words, const SearchSpace& space)
      : photo_(photo),
        words_(words),
        space_(space),
        classes_(static_cast<size_t>(words.classes)),
        levels_(space.thresholds.size()),
        labels_(label_pixels(photo.cosines, photo.pixels, words, space.area_thd)) {}

  Tally by_masks() const {
    Tally out;
    const size_t pairs = space_.scales.size() * levels_ * classes_;
    out.hits.resize(pairs);
    out.labels.resize(pairs);
    out.truth.resize(classes_);
    for (const int32_t truth : photo_.truth) {
      if (truth != kNoClass) ++out.truth[static_cast<size_t>(truth)];
    }
    for (size_t s = 0; s < space_.scales.size(); ++s) {
      // By how many thresholds a pixel's score reaches.
      std::vector<int32_t> hits((levels_ + 1) * classes_), labels(hits.size()), zeros(levels_ + 1);
      const std::vector<double> score = score_pixels(photo_.cosines, labels_, words_, double{space_.scales[s]});
      for (size_t i = 0; i < score.size(); ++i) {
        const int32_t truth = photo_.truth[i], label = labels_.label[i];
        if (truth == kNoClass) continue;
        const size_t reached = thresholds_reached(space_.thresholds, score[i]);
        ++labels[reached * classes_ + static_cast<size_t>(label)];
        if (truth == label) ++hits[reached * classes_ + static_cast<size_t>(label)];
        if (truth == 0) ++zeros[reached];
      }
      accumulate(hits, labels, zeros, out, s);
    }
    return out;
  }

  Tally by_mirror() const {
    Tally out;
    const PixelLabels other = label_pixels(photo_.mirrored, photo_.pixels, words_, space_.area_thd);
    out.kept_right.resize(space_.scales.size() * levels_);
    out.kept_wrong.resize(out.kept_right.size());
    const auto counts = [&](size_t i) { return space_.low == LowScores::kBecomeNoClass || labels_.label[i] != 0; };
    for (size_t i = 0; i < labels_.label.size(); ++i) {
      if (counts(i)) ++(labels_.label[i] == other.label[i] ? out.right : out.wrong);
    }
    for (size_t s = 0; s < space_.scales.size(); ++s) {
      const double scale = double{space_.scales[s]};
      double loss = 0;
      for (const double p : class_probability(photo_.cosines, other.label, words_, scale)) {
        loss -= std::log(std::max(p, std::numeric_limits<double>::min()));
      }
      out.losses.push_back(loss);
      const std::vector<double> score = score_pixels(photo_.cosines, labels_, words_, scale);
      for (size_t i = 0; i < score.size(); ++i) {
        if (!counts(i)) continue;
        auto& kept = labels_.label[i] == other.label[i] ? out.kept_right : out.kept_wrong;
        const size_t reached = thresholds_reached(space_.thresholds, score[i]);
        for (size_t t = 0; t < reached; ++t) ++kept[s * levels_ + t];
      }
    }
    return out;
  }

 private:
  // From counts of pixels that reach so many thresholds to those that are labelled with each.
  void accumulate(const std::vector<int32_t>& hits, const std::vector<int32_t>& labels,
                  const std::vector<int32_t>& zeros, Tally& out, size_t s) const {
    for (size_t t = 0; t < levels_; ++t) {
      int32_t* kept_hits = out.hits.data() + (s * levels_ + t) * classes_;
      int32_t* kept_labels = out.labels.data() + (s * levels_ + t) * classes_;
      for (size_t reached = 0; reached <= levels_; ++reached) {
        const bool kept = reached > t;
        for (size_t q = 0; q < classes_; ++q) {
          if (kept) {
            kept_hits[q] += hits[reached * classes_ + q];
            kept_labels[q] += labels[reached * classes_ + q];
          } else if (space_.low == LowScores::kBecomeClass0) {
            kept_labels[0] += labels[reached * classes_ + q];
          }
        }
        if (!kept && space_.low == LowScores::kBecomeClass0) kept_hits[0] += zeros[reached];
      }
    }
  }

  const PhotoSample& photo_;
  const WordChoice& words_;
  const SearchSpace& space_;
  const size_t classes_, levels_;
  const PixelLabels labels_;
};

// Whether `b` goes before `a`.
class Choice {
 public:
  Choice(const std::vector<double>& objective, const SearchSpace& space, SearchPoint present)
      : objective_(objective), levels_(space.thresholds.size()), best_(present) {}

  void offer(SearchPoint p) {
    const double value = at(p), best = at(best_);
    if (value > best + kEqual || (std::isnan(best) && !std::isnan(value))) best_ = p;
  }
  SearchPoint best() const { return best_; }

 private:
  double at(SearchPoint p) const { return objective_[p.scale * levels_ + p.threshold]; }

  const std::vector<double>& objective_;
  const size_t levels_;
  SearchPoint best_;
};

// The present point first, then thresholds and scales as they ascend: a later one must be better.
SearchPoint choose(const std::vector<double>& objective, const SearchSpace& space, SearchPoint present) {
  Choice choice(objective, space, present);
  for (size_t t = 0; t < space.thresholds.size(); ++t) {
    for (size_t s = 0; s < space.scales.size(); ++s) choice.offer({s, t});
  }
  return choice.best();
}

struct Sums {
  std::vector<int64_t> hits, labels, truth;

  Sums(size_t pairs, size_t classes) : hits(pairs), labels(pairs), truth(classes) {}
  void add(const Tally& tally, int sign) {
    for (size_t i = 0; i < hits.size(); ++i) {
      hits[i] += sign * tally.hits[i];
      labels[i] += sign * tally.labels[i];
    }
    for (size_t q = 0; q < truth.size(); ++q) truth[q] += sign * tally.truth[q];
  }
  std::vector<double> objective() const {
    const size_t classes = truth.size();
    std::vector<double> out;
    for (size_t i = 0; i < hits.size(); i += classes) {
      out.push_back(mean_iou({hits.data() + i, classes}, {labels.data() + i, classes}, truth));
    }
    return out;
  }
};

SearchResult judge_by_masks(const std::vector<Tally>& tallies, size_t classes, const SearchSpace& space,
                            SearchPoint present) {
  SearchResult result;
  const size_t levels = space.thresholds.size();
  Sums all(space.scales.size() * levels * classes, classes);
  for (const Tally& tally : tallies) all.add(tally, 1);
  result.objective = all.objective();
  result.best = choose(result.objective, space, present);
  if (tallies.size() < 2) return result;
  Sums judged(classes, classes);
  for (const Tally& tally : tallies) {
    all.add(tally, -1);
    const SearchPoint p = choose(all.objective(), space, present);
    all.add(tally, 1);
    const size_t at = (p.scale * levels + p.threshold) * classes;
    for (size_t q = 0; q < classes; ++q) {
      judged.hits[q] += tally.hits[at + q];
      judged.labels[q] += tally.labels[at + q];
      judged.truth[q] += tally.truth[q];
    }
  }
  result.held_out = judged.objective()[0];
  return result;
}

SearchResult judge_by_mirror(const std::vector<Tally>& tallies, std::span<const PhotoSample> photos,
                             const SearchSpace& space, SearchPoint present) {
  SearchResult result;
  const size_t levels = space.thresholds.size(), scales = space.scales.size();
  int64_t pixels = 0, right = 0, wrong = 0;
  std::vector<double> losses(scales), kept_right(scales * levels), kept_wrong(scales * levels);
  for (size_t p = 0; p < tallies.size(); ++p) {
    pixels += photos[p].pixels;
    right += tallies[p].right;
    wrong += tallies[p].wrong;
    for (size_t s = 0; s < scales; ++s) losses[s] += tallies[p].losses[s];
    for (size_t i = 0; i < kept_right.size(); ++i) {
      kept_right[i] += static_cast<double>(tallies[p].kept_right[i]);
      kept_wrong[i] += static_cast<double>(tallies[p].kept_wrong[i]);
    }
  }
  for (const double loss : losses) result.calibration.push_back(loss / static_cast<double>(pixels));
  for (size_t i = 0; i < kept_right.size(); ++i) {
    // Where all labels survive, or none does, no threshold tells them apart.
    const bool tells = right > 0 && wrong > 0;
    result.objective.push_back(
        tells ? 100 * (kept_right[i] / static_cast<double>(right) - kept_wrong[i] / static_cast<double>(wrong)) : 0);
  }
  size_t scale = present.scale;
  for (size_t s = 0; s < scales; ++s) {
    if (result.calibration[s] < result.calibration[scale] - kEqual) scale = s;
  }
  // At that scale; the present threshold where it is as good.
  std::vector<double> row(result.objective.begin() + static_cast<std::ptrdiff_t>(scale * levels),
                          result.objective.begin() + static_cast<std::ptrdiff_t>((scale + 1) * levels));
  SearchSpace one = space;
  one.scales = {space.scales[scale]};
  result.best = {scale, choose(row, one, {0, present.threshold}).threshold};
  return result;
}

}  // namespace

double mean_iou(std::span<const int64_t> hits, std::span<const int64_t> labels, std::span<const int64_t> truth) {
  double sum = 0;
  int occurring = 0;
  for (size_t q = 0; q < hits.size(); ++q) {
    const int64_t either = labels[q] + truth[q] - hits[q];
    if (either == 0) continue;
    sum += static_cast<double>(hits[q]) / static_cast<double>(either);
    ++occurring;
  }
  return occurring == 0 ? std::numeric_limits<double>::quiet_NaN() : 100 * sum / occurring;
}

SearchResult search_thresholds(std::span<const PhotoSample> photos, const WordChoice& words, const SearchSpace& space,
                               SearchPoint present, ThreadPool& pool) {
  SCLIP_CHECK(!photos.empty(), kInvalidArgument, "there is no photo to tune on");
  SCLIP_CHECK(!space.scales.empty() && !space.thresholds.empty() && present.scale < space.scales.size() &&
                  present.threshold < space.thresholds.size(),
              kInvalidArgument, "nothing to search: ", space.scales.size(), " scales and ", space.thresholds.size(),
              " thresholds");
  const bool masks = !photos.front().truth.empty();
  for (const PhotoSample& photo : photos) {
    SCLIP_CHECK(photo.truth.empty() != masks, kInvalidArgument, photo.name, masks ? " has no mask" : " has a mask",
                ", and the first photo is otherwise: give masks for all or for none");
  }
  std::vector<Tally> tallies(photos.size());
  pool.parallel_for(static_cast<int64_t>(photos.size()), [&](int64_t i) {
    const PhotoTally photo(photos[static_cast<size_t>(i)], words, space);
    tallies[static_cast<size_t>(i)] = masks ? photo.by_masks() : photo.by_mirror();
  });
  return masks ? judge_by_masks(tallies, static_cast<size_t>(words.classes), space, present)
               : judge_by_mirror(tallies, photos, space, present);
}

}  // namespace sclip
