// For tests of window_merge and label_planes: windows full of random logits, a rule, room for results, and the oracle's
// results with what they may differ by.
#pragma once

#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/label_planes/label_planes.h"
#include "kernels/window_merge/window_merge.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

namespace sclip::testing {

struct MergeCase {
  int64_t photo_w, photo_h, resized_w, resized_h;
  int64_t crop, stride, patch;
  int64_t queries, classes;
  float prob_threshold = 0;
  std::optional<float> area_threshold = {};
  float logit_scale = 50;
  std::optional<int32_t> low_label = {};
};

// The windows of the method; their arithmetic is tested with the window grid.
inline std::vector<int32_t> window_edges(int64_t length, int64_t crop, int64_t stride) {
  std::vector<int32_t> out;
  const int64_t count = std::max<int64_t>(length - crop + stride - 1, 0) / stride + 1;
  for (int64_t i = 0; i < count; ++i) {
    out.push_back(static_cast<int32_t>(std::max<int64_t>(std::min(i * stride, length - crop), 0)));
  }
  return out;
}

struct LabelResults {
  std::vector<uint16_t> labels;
  std::vector<float> scores;
  std::vector<LabelStatistics> statistics;
};

// Equal to the last bit.
inline void check_equal(const LabelResults& a, const LabelResults& b) {
  CHECK(a.labels == b.labels);
  CHECK(a.scores == b.scores);
  REQUIRE(a.statistics.size() == b.statistics.size());
  for (size_t q = 0; q < a.statistics.size(); ++q) {
    INFO("class " << q);
    CHECK(a.statistics[q].pixels == b.statistics[q].pixels);
    CHECK(a.statistics[q].score_sum == b.statistics[q].score_sum);
    CHECK(a.statistics[q].max_score == b.statistics[q].max_score);
  }
}

// Inputs of a case, in host memory.
struct MergeScene {
  explicit MergeScene(const MergeCase& c, uint32_t seed = 1) : pixels_(static_cast<size_t>(c.photo_w * c.photo_h)) {
    xs = window_edges(c.resized_w, c.crop, c.stride);
    ys = window_edges(c.resized_h, c.crop, c.stride);
    windows.windows_x = static_cast<int64_t>(xs.size());
    windows.windows_y = static_cast<int64_t>(ys.size());
    windows.window_width = std::min(c.crop, c.resized_w);
    windows.window_height = std::min(c.crop, c.resized_h);
    windows.grid_w = std::max<int64_t>(windows.window_width / c.patch, 1);
    windows.grid_h = std::max<int64_t>(windows.window_height / c.patch, 1);
    windows.queries = c.queries;
    windows.resized_width = c.resized_w;
    windows.resized_height = c.resized_h;
    windows.photo_width = c.photo_w;
    windows.photo_height = c.photo_h;
    // Synonyms: query k belongs to class k · Q / K, so that with K < Q some classes have no query.
    for (int64_t k = 0; k < c.queries; ++k) query_class.push_back(static_cast<int32_t>(k * c.classes / c.queries));
    rule = {.queries = c.queries,
            .classes = c.classes,
            .logit_scale = c.logit_scale,
            .prob_threshold = c.prob_threshold,
            .area_threshold = c.area_threshold,
            .low_label = c.low_label};
    const int64_t patches = windows.windows_x * windows.windows_y * windows.grid_h * windows.grid_w;
    logits = random_normal(static_cast<size_t>(patches * c.queries), seed, 0.2f, 0.04f);
    windows.logits = logits.data();
    windows.window_x = xs.data();
    windows.window_y = ys.data();
    rule.query_class = query_class.data();
  }
  MergeScene(const MergeScene&) = delete;
  MergeScene& operator=(const MergeScene&) = delete;

  size_t pixels() const { return pixels_; }

  WindowLogits windows;
  LabelRule rule;
  DType label_dtype = DType::kU16;
  std::vector<int32_t> xs, ys, query_class;
  std::vector<float> logits;

 private:
  size_t pixels_;  // of the case, whatever a test makes of `windows`
};

// A scene's inputs and room for its labels in the memory of the device under test.
class MergeOnDevice {
 public:
  explicit MergeOnDevice(const MergeScene& scene)
      : scene_(scene),
        logits_(Dut::get().copy(scene.logits)),
        xs_(Dut::get().copy(scene.xs)),
        ys_(Dut::get().copy(scene.ys)),
        query_class_(Dut::get().copy(scene.query_class)),
        labels_(Dut::get().output<std::byte>(scene.pixels() * size_of(scene.label_dtype))),
        scores_(Dut::get().output<float>(scene.pixels())),
        statistics_(
            Dut::get().output<LabelStatistics>(static_cast<size_t>(std::max<int64_t>(label_slots(scene.rule), 0)))) {
    windows = scene.windows;
    windows.logits = logits_.data();
    windows.window_x = xs_.data();
    windows.window_y = ys_.data();
    rule = scene.rule;
    rule.query_class = query_class_.data();
    out = {.labels = labels_.data(),
           .label_dtype = scene.label_dtype,
           .scores = scores_.data(),
           .statistics = statistics_.data()};
  }

  // Throws what a call found wrong.
  LabelResults results() {
    LabelResults r{std::vector<uint16_t>(scene_.pixels()), scores_.host(), statistics_.host()};
    const std::vector<std::byte> bytes = labels_.host();
    for (size_t i = 0; i < r.labels.size(); ++i) {
      if (scene_.label_dtype == DType::kU8) {
        r.labels[i] = static_cast<uint16_t>(bytes[i]);
      } else {
        std::memcpy(&r.labels[i], bytes.data() + 2 * i, 2);
      }
    }
    return r;
  }

  WindowLogits windows;
  LabelRule rule;
  LabelOutputs out;

 private:
  const MergeScene& scene_;
  DeviceArray<float> logits_;
  DeviceArray<int32_t> xs_, ys_, query_class_;
  DeviceArray<std::byte> labels_;
  DeviceArray<float> scores_;
  DeviceArray<LabelStatistics> statistics_;
};

// Runs `body` for every instruction set that this processor and this build have; once where the processor is not under
// test.
template <typename Body>
void for_each_target(const Body& body) {
  if (!Dut::get().is_cpu()) return body();
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    INFO("instruction set " << hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

// The oracle's results.
struct ExpectedLabels {
  // Of the planes (K, pixels).
  ExpectedLabels(const std::vector<double>& planes, const LabelRule& r, size_t pixels) : rule(r) {
    results.labels.resize(pixels);
    results.scores.resize(pixels);
    results.statistics.resize(static_cast<size_t>(label_slots(rule)));
    class_scores.resize(static_cast<size_t>(rule.classes) * pixels);
    ref::label_planes(planes.data(), rule, static_cast<int64_t>(pixels),
                      {.labels = results.labels.data(),
                       .label_dtype = DType::kU16,
                       .scores = results.scores.data(),
                       .statistics = results.statistics.data()},
                      class_scores.data());
  }

  LabelRule rule;
  LabelResults results;
  std::vector<double> class_scores;
};

// `logit_tolerance`: what the logits may be off by.
inline void check_labels(const LabelResults& actual, const ExpectedLabels& expected, double logit_tolerance) {
  const LabelRule& rule = expected.rule;
  const size_t pixels = actual.labels.size(), classes = static_cast<size_t>(rule.classes);
  // exp turns an absolute error of the scaled logit, in numerator and denominator, into a relative one; the sum of K
  // terms adds up to K roundings, the exponential and the quotient a few.
  const double tolerance = 2 * rule.logit_scale * logit_tolerance + 0x1p-24 * static_cast<double>(rule.queries + 16);
  const auto scores = all_close(actual.scores.data(), expected.results.scores.data(), pixels, 1e-30, tolerance);
  INFO(scores.message);
  CHECK(scores);

  // A label may differ only where the oracle could not tell either.
  size_t differing = 0;
  for (size_t i = 0; i < pixels; ++i) {
    if (actual.labels[i] == expected.results.labels[i]) continue;
    const double best = expected.results.scores[i];
    const auto is_class = [&](uint16_t label) { return label < classes; };
    // Counts as 0.
    if (best < static_cast<double>(std::numeric_limits<float>::min()) && actual.labels[i] == 0) continue;
    ++differing;
    const auto score_of = [&](size_t q) { return expected.class_scores[q * pixels + i]; };
    const double margin = 2 * tolerance * best;
    const bool threshold_close = std::abs(best - static_cast<double>(rule.prob_threshold)) <= margin;
    const bool both = is_class(actual.labels[i]) && is_class(expected.results.labels[i]);
    const bool classes_close = both && best - score_of(actual.labels[i]) <= margin;
    INFO("pixel " << i << ": label " << actual.labels[i] << " for " << expected.results.labels[i] << ", best score "
                  << best << ", threshold " << rule.prob_threshold);
    REQUIRE((threshold_close || classes_close));
  }
  CHECK(differing <= 1 + pixels / 1000);

  // Statistics belong to the labels and scores that were written, exactly.
  const auto slots = static_cast<size_t>(label_slots(rule));
  REQUIRE(actual.statistics.size() == slots);
  std::vector<LabelStatistics> counted(slots);
  for (size_t i = 0; i < pixels; ++i) {
    const size_t label = actual.labels[i];
    REQUIRE((label < classes || (rule.low_label && label == static_cast<size_t>(*rule.low_label))));
    LabelStatistics& s = counted[std::min(label, classes)];
    ++s.pixels;
    s.score_sum += static_cast<double>(actual.scores[i]);
    s.max_score = std::max(s.max_score, actual.scores[i]);
  }
  for (size_t q = 0; q < slots; ++q) {
    REQUIRE(actual.statistics[q].pixels == counted[q].pixels);
    REQUIRE(actual.statistics[q].max_score == counted[q].max_score);
    REQUIRE(std::abs(actual.statistics[q].score_sum - counted[q].score_sum) <=
            0x1p-30 * static_cast<double>(counted[q].pixels));
  }
}

}  // namespace sclip::testing
