#include "apps/tune/words_at_pixels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sclip/error.h"

namespace sclip {
namespace {

// The best among active words of classes that are kept.
PixelLabels best_words(std::span<const float> cosines, int64_t pixels, const WordChoice& words,
                       const std::vector<uint8_t>& kept) {
  const auto n = static_cast<size_t>(pixels);
  PixelLabels out{.label = std::vector<int32_t>(n, 0),
                  .best = std::vector<float>(n, -std::numeric_limits<float>::infinity()),
                  .word = std::vector<int32_t>(n, -1)};
  for (int64_t k = 0; k < words.words(); ++k) {
    const int32_t of = words.query_class[static_cast<size_t>(k)];
    if (words.active[static_cast<size_t>(k)] == 0 || kept[static_cast<size_t>(of)] == 0) continue;
    const float* plane = cosines.data() + k * pixels;
    for (size_t i = 0; i < n; ++i) {
      if (!(plane[i] > out.best[i])) continue;
      out.best[i] = plane[i];
      out.label[i] = of;
      out.word[i] = static_cast<int32_t>(k);
    }
  }
  return out;
}

}  // namespace

PixelLabels label_pixels(std::span<const float> cosines, int64_t pixels, const WordChoice& words,
                         std::optional<float> area_thd) {
  const auto classes = static_cast<size_t>(words.classes);
  std::vector<uint8_t> kept(classes, 1);
  PixelLabels all = best_words(cosines, pixels, words, kept);
  if (!area_thd) return all;
  std::vector<int64_t> area(classes, 0);
  for (const int32_t label : all.label) ++area[static_cast<size_t>(label)];
  const int64_t foreground = pixels - area[0];
  bool removed = false;
  for (size_t q = 1; q < classes; ++q) {
    kept[q] = static_cast<double>(area[q]) > static_cast<double>(*area_thd) * static_cast<double>(foreground) ? 1 : 0;
    removed |= kept[q] == 0 && area[q] > 0;
  }
  if (!removed) return all;
  PixelLabels left = best_words(cosines, pixels, words, kept);
  SCLIP_CHECK(std::find(left.word.begin(), left.word.end(), -1) == left.word.end(), kInvalidArgument,
              "the area filter removed every class that has a word: class 0 needs one");
  return left;
}

std::vector<double> score_pixels(std::span<const float> cosines, const PixelLabels& labels, const WordChoice& words,
                                 double logit_scale) {
  const size_t n = labels.best.size();
  std::vector<double> score(n, 0.0);
  for (size_t k = 0; k < words.query_class.size(); ++k) {
    if (words.active[k] == 0) continue;
    const float* plane = cosines.data() + k * n;
    for (size_t i = 0; i < n; ++i) score[i] += std::exp(logit_scale * (double{plane[i]} - double{labels.best[i]}));
  }
  for (double& s : score) s = 1 / s;
  return score;
}

std::vector<double> class_probability(std::span<const float> cosines, std::span<const int32_t> classes_at,
                                      const WordChoice& words, double logit_scale) {
  const size_t n = classes_at.size();
  std::vector<float> most(n, -std::numeric_limits<float>::infinity());
  std::vector<double> all(n, 0.0), own(n, 0.0);
  const auto each_word = [&](const auto& body) {
    for (size_t k = 0; k < words.query_class.size(); ++k) {
      if (words.active[k] != 0) body(cosines.data() + k * n, words.query_class[k]);
    }
  };
  each_word([&](const float* plane, int32_t) {
    for (size_t i = 0; i < n; ++i) most[i] = std::max(most[i], plane[i]);
  });
  each_word([&](const float* plane, int32_t of) {
    for (size_t i = 0; i < n; ++i) {
      const double e = std::exp(logit_scale * (double{plane[i]} - double{most[i]}));
      all[i] += e;
      if (of == classes_at[i]) own[i] += e;
    }
  });
  for (size_t i = 0; i < n; ++i) own[i] /= all[i];
  return own;
}

}  // namespace sclip
