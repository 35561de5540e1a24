#include "apps/tune/word_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sclip {
namespace {

struct Counts {
  std::vector<int64_t> hits, labels, truth;
  int64_t same = 0;
};

// Labels after the threshold.
std::vector<int32_t> final_labels(const std::vector<float>& cosines, int64_t pixels, const WordChoice& words,
                                  const WordSetting& setting) {
  PixelLabels labels = label_pixels(cosines, pixels, words, setting.area_thd);
  if (setting.threshold > 0) {
    const std::vector<double> score = score_pixels(cosines, labels, words, double{setting.logit_scale});
    const int32_t low = setting.low == LowScores::kBecomeClass0 ? 0 : kNoClass;
    for (size_t i = 0; i < score.size(); ++i) {
      if (score[i] < double{setting.threshold}) labels.label[i] = low;
    }
  }
  return std::move(labels.label);
}

Counts count(const PhotoSample& photo, const WordChoice& words, const WordSetting& setting) {
  const auto classes = static_cast<size_t>(words.classes);
  Counts out{std::vector<int64_t>(classes), std::vector<int64_t>(classes), std::vector<int64_t>(classes)};
  const std::vector<int32_t> label = final_labels(photo.cosines, photo.pixels, words, setting);
  if (photo.truth.empty()) {
    const std::vector<int32_t> other = final_labels(photo.mirrored, photo.pixels, words, setting);
    for (size_t i = 0; i < label.size(); ++i) out.same += label[i] == other[i] ? 1 : 0;
    return out;
  }
  for (size_t i = 0; i < label.size(); ++i) {
    const int32_t truth = photo.truth[i];
    if (truth == kNoClass) continue;
    ++out.truth[static_cast<size_t>(truth)];
    if (label[i] == kNoClass) continue;
    ++out.labels[static_cast<size_t>(label[i])];
    if (label[i] == truth) ++out.hits[static_cast<size_t>(truth)];
  }
  return out;
}

int active_of_class(const WordChoice& words, int32_t of) {
  int count = 0;
  for (size_t k = 0; k < words.active.size(); ++k) count += words.active[k] != 0 && words.query_class[k] == of ? 1 : 0;
  return count;
}

bool may_change(const WordChoice& words, size_t k, const WordSetting& setting) {
  if (setting.keep_class0 && words.query_class[k] == 0) return false;
  return words.active[k] == 0 || active_of_class(words, words.query_class[k]) > 1;
}

WordChoice changed(WordChoice words, size_t k) {
  words.active[k] = words.active[k] == 0 ? 1 : 0;
  return words;
}

// Of pixels, where word k is the best of the active ones and itself.
double share_of_word(std::span<const PhotoSample> photos, WordChoice words, size_t k) {
  words.active[k] = 1;
  int64_t best = 0, pixels = 0;
  for (const PhotoSample& photo : photos) {
    const PixelLabels labels = label_pixels(photo.cosines, photo.pixels, words, std::nullopt);
    best += std::count(labels.word.begin(), labels.word.end(), static_cast<int32_t>(k));
    pixels += photo.pixels;
  }
  return static_cast<double>(best) / static_cast<double>(pixels);
}

}  // namespace

double judge_words(std::span<const PhotoSample> photos, const WordChoice& words, const WordSetting& setting,
                   ThreadPool& pool) {
  std::vector<Counts> counts(photos.size());
  pool.parallel_for(static_cast<int64_t>(photos.size()), [&](int64_t i) {
    counts[static_cast<size_t>(i)] = count(photos[static_cast<size_t>(i)], words, setting);
  });
  Counts all = counts[0];
  int64_t pixels = photos[0].pixels;
  for (size_t i = 1; i < counts.size(); ++i) {
    for (size_t q = 0; q < all.hits.size(); ++q) {
      all.hits[q] += counts[i].hits[q];
      all.labels[q] += counts[i].labels[q];
      all.truth[q] += counts[i].truth[q];
    }
    all.same += counts[i].same;
    pixels += photos[i].pixels;
  }
  if (photos[0].truth.empty()) return 100 * static_cast<double>(all.same) / static_cast<double>(pixels);
  return mean_iou(all.hits, all.labels, all.truth);
}

WordResult search_words(std::span<const PhotoSample> photos, const WordChoice& words, const WordSetting& setting,
                        ThreadPool& pool) {
  WordResult result;
  result.before = result.after = judge_words(photos, words, setting, pool);
  WordChoice present = words;
  std::vector<double> gains;  // of changing each word; NaN where it may not
  bool first = true;
  for (;;) {
    gains.assign(words.active.size(), std::numeric_limits<double>::quiet_NaN());
    pool.parallel_for(static_cast<int64_t>(gains.size()), [&](int64_t i) {
      const auto k = static_cast<size_t>(i);
      if (may_change(present, k, setting))
        gains[k] = judge_words(photos, changed(present, k), setting, pool) - result.after;
    });
    if (first) {
      for (size_t k = 0; k < gains.size(); ++k) {
        if (std::isnan(gains[k])) continue;
        const bool given = words.active[k] != 0;
        result.verdicts.push_back({.word = static_cast<int32_t>(k),
                                   .given = given,
                                   .best_share = share_of_word(photos, words, k),
                                   .gain = given ? -gains[k] : gains[k]});
      }
      first = false;
    }
    size_t best = gains.size();
    for (size_t k = 0; k < gains.size(); ++k) {
      if (gains[k] >= kLeastWordGain && (best == gains.size() || gains[k] > gains[best])) best = k;
    }
    if (best == gains.size()) break;
    present = changed(std::move(present), best);
    result.after += gains[best];
  }
  result.suggested = present.active;
  for (WordVerdict& verdict : result.verdicts) {
    verdict.suggested = present.active[static_cast<size_t>(verdict.word)] != 0;
  }
  return result;
}

}  // namespace sclip
