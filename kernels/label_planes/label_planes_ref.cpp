#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/label_planes/label_planes.h"

namespace sclip::ref {

void label_planes(const double* planes, const LabelRule& rule, int64_t pixel_count, const LabelOutputs& out,
                  double* class_scores) {
  const auto pixels = static_cast<size_t>(pixel_count);
  const auto queries = static_cast<size_t>(rule.queries);
  const auto classes = static_cast<size_t>(rule.classes);
  std::vector<std::vector<double>> scores(classes, std::vector<double>(pixels, 0.0));
  for (size_t i = 0; i < pixels; ++i) {
    const auto logit = [&](size_t k) { return rule.logit_scale * planes[k * pixels + i]; };
    double most = -HUGE_VAL;
    for (size_t k = 0; k < queries; ++k) most = std::max(most, logit(k));
    double sum = 0;
    for (size_t k = 0; k < queries; ++k) sum += std::exp(logit(k) - most);
    for (size_t k = 0; k < queries; ++k) {
      double& score = scores[static_cast<size_t>(rule.query_class[k])][i];
      score = std::max(score, std::exp(logit(k) - most) / sum);
    }
  }

  const auto argmax = [&](size_t i) {
    size_t best = 0;
    for (size_t q = 1; q < classes; ++q) {
      if (scores[q][i] > scores[best][i]) best = q;
    }
    return best;
  };
  if (rule.area_threshold) {
    std::vector<int64_t> count(classes, 0);
    int64_t foreground = 0;
    for (size_t i = 0; i < pixels; ++i) {
      const size_t q = argmax(i);
      ++count[q];
      if (q != 0) ++foreground;
    }
    for (size_t q = 1; q < classes; ++q) {
      const bool kept = static_cast<float>(count[q]) > *rule.area_threshold * static_cast<float>(foreground);
      if (!kept) std::fill(scores[q].begin(), scores[q].end(), 0.0);
    }
  }

  std::vector<LabelStatistics> statistics(static_cast<size_t>(label_slots(rule)));
  for (size_t i = 0; i < pixels; ++i) {
    size_t label = argmax(i);
    const double score = scores[label][i];
    size_t slot = label;
    if (score < static_cast<double>(rule.prob_threshold)) {
      label = static_cast<size_t>(rule.low_label.value_or(0));
      slot = rule.low_label ? classes : 0;
    }
    out.scores[i] = static_cast<float>(score);
    if (out.label_dtype == DType::kU8) {
      static_cast<uint8_t*>(out.labels)[i] = static_cast<uint8_t>(label);
    } else {
      static_cast<uint16_t*>(out.labels)[i] = static_cast<uint16_t>(label);
    }
    LabelStatistics& s = statistics[slot];
    ++s.pixels;
    s.score_sum += score;
    s.max_score = std::max(s.max_score, static_cast<float>(score));
  }
  if (out.statistics) std::copy(statistics.begin(), statistics.end(), out.statistics);
  if (class_scores) {
    for (size_t q = 0; q < classes; ++q) std::copy(scores[q].begin(), scores[q].end(), class_scores + q * pixels);
  }
}

}  // namespace sclip::ref
