#include "kernels/window_merge/window_merge.h"

#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/error.h"
#include "kernels/window_merge/merge_fault.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::all_close;
using testing::random_normal;

namespace {

struct Case {
  int64_t photo_w, photo_h, resized_w, resized_h;
  int64_t crop, stride, patch;
  int64_t queries, classes;
  float prob_threshold = 0;
  std::optional<float> area_threshold = {};
  float logit_scale = 50;
};

// The windows of the method; their arithmetic is tested with the window grid.
std::vector<int32_t> edges(int64_t length, int64_t crop, int64_t stride) {
  std::vector<int32_t> out;
  const int64_t count = std::max<int64_t>(length - crop + stride - 1, 0) / stride + 1;
  for (int64_t i = 0; i < count; ++i) {
    out.push_back(static_cast<int32_t>(std::max<int64_t>(std::min(i * stride, length - crop), 0)));
  }
  return out;
}

// Inputs of a case and room for every output.
struct Scene {
  explicit Scene(const Case& c, uint32_t seed = 1) {
    xs = edges(c.resized_w, c.crop, c.stride);
    ys = edges(c.resized_h, c.crop, c.stride);
    p.window_x = xs.data();
    p.window_y = ys.data();
    p.windows_x = static_cast<int64_t>(xs.size());
    p.windows_y = static_cast<int64_t>(ys.size());
    p.window_width = std::min(c.crop, c.resized_w);
    p.window_height = std::min(c.crop, c.resized_h);
    p.grid_w = std::max<int64_t>(p.window_width / c.patch, 1);
    p.grid_h = std::max<int64_t>(p.window_height / c.patch, 1);
    p.queries = c.queries;
    p.classes = c.classes;
    // Synonyms: query k belongs to class k · Q / K, so that with K < Q some classes have no query.
    for (int64_t k = 0; k < c.queries; ++k) query_class.push_back(static_cast<int32_t>(k * c.classes / c.queries));
    p.query_class = query_class.data();
    p.logit_scale = c.logit_scale;
    p.prob_threshold = c.prob_threshold;
    p.area_threshold = c.area_threshold;
    p.resized_width = c.resized_w;
    p.resized_height = c.resized_h;
    p.photo_width = c.photo_w;
    p.photo_height = c.photo_h;
    logits = random_normal(static_cast<size_t>(p.windows_x * p.windows_y * p.grid_h * p.grid_w * c.queries), seed, 0.2f,
                           0.04f);
    p.logits = logits.data();
    const auto pixels = static_cast<size_t>(c.photo_w * c.photo_h);
    labels.assign(pixels, 0xabcd);
    scores.assign(pixels, -1.f);
    statistics.resize(static_cast<size_t>(c.classes));
    full_logits.assign(pixels * static_cast<size_t>(c.queries), -1.f);
    class_scores.assign(pixels * static_cast<size_t>(c.classes), -1.f);
    p.labels = labels.data();
    p.scores = scores.data();
    p.statistics = statistics.data();
    p.full_logits = full_logits.data();
    p.class_scores = class_scores.data();
  }

  WindowMergeParams p;
  std::vector<int32_t> xs, ys, query_class;
  std::vector<float> logits, scores, full_logits, class_scores;
  std::vector<uint16_t> labels;
  std::vector<MergeStatistics> statistics;
};

// Runs `body` for every instruction set that this processor and this build have; once where the processor is not under
// test.
template <typename Body>
void for_each_target(const Body& body) {
  if (!testing::Dut::get().is_cpu()) return body();
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    INFO("instruction set " << hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

// Runs the scene on the device under test; results come back into the scene. Faults are thrown on either.
// `recorded`: the call is noted after a first run and then replayed over cleared results.
void run(Scene& scene, bool recorded = false) {
  testing::Dut& dut = testing::Dut::get();
  auto logits = dut.copy(scene.logits);
  auto xs = dut.copy(scene.xs), ys = dut.copy(scene.ys), query_class = dut.copy(scene.query_class);
  const size_t pixels = scene.labels.size();
  const bool narrow = scene.p.label_dtype == DType::kU8;
  auto labels = dut.output<std::byte>(pixels * size_of(scene.p.label_dtype));
  auto scores = dut.output<float>(pixels);
  auto statistics = dut.output<MergeStatistics>(scene.statistics.size());
  auto full_logits = dut.output<float>(scene.full_logits.size());
  auto class_scores = dut.output<float>(scene.class_scores.size());
  auto fault = dut.output<MergeFault>(1);
  WindowMergeParams p = scene.p;
  p.logits = logits.data();
  p.window_x = xs.data();
  p.window_y = ys.data();
  p.query_class = query_class.data();
  p.labels = labels.data();
  p.scores = scores.data();
  p.statistics = scene.p.statistics ? statistics.data() : nullptr;
  p.full_logits = scene.p.full_logits ? full_logits.data() : nullptr;
  p.class_scores = scene.p.class_scores ? class_scores.data() : nullptr;
  p.fault = fault.data();
  dut.stream().window_merge(p);
  if (recorded) {
    dut.stream().begin_recording();
    dut.stream().window_merge(p);
    const auto recording = dut.stream().end_recording();
    const std::vector<float> cleared(pixels, -1.f);
    dut.stream().upload(scores.data(), cleared.data(), pixels * sizeof(float));
    dut.stream().replay(*recording);
    dut.stream().synchronize();
  }
  check_merge_fault(p, fault.host()[0]);
  scene.scores = scores.host();
  const std::vector<std::byte> bytes = labels.host();
  for (size_t i = 0; i < pixels; ++i) {
    scene.labels[i] = narrow ? static_cast<uint16_t>(bytes[i]) : 0;
    if (!narrow) std::memcpy(&scene.labels[i], bytes.data() + 2 * i, 2);
  }
  if (p.statistics) scene.statistics = statistics.host();
  if (p.full_logits) scene.full_logits = full_logits.host();
  if (p.class_scores) scene.class_scores = class_scores.host();
}

constexpr double kLogitTolerance = 1e-6;

// exp turns an absolute error of the scaled logit, in numerator and denominator, into a relative one; the sum of K
// terms adds up to K roundings, the exponential and the quotient a few.
double score_tolerance(const WindowMergeParams& p) {
  return 2 * p.logit_scale * kLogitTolerance + 0x1p-24 * static_cast<double>(p.queries + 16);
}

void compare(const Scene& actual, const Scene& expected) {
  const WindowMergeParams& p = actual.p;
  const auto pixels = actual.labels.size();
  const auto classes = actual.statistics.size();
  const auto logits =
      all_close(actual.full_logits.data(), expected.full_logits.data(), actual.full_logits.size(), kLogitTolerance);
  INFO(logits.message);
  CHECK(logits);
  const double tolerance = score_tolerance(p);
  const auto scores = all_close(actual.scores.data(), expected.scores.data(), pixels, 1e-30, tolerance);
  INFO(scores.message);
  CHECK(scores);
  const auto all =
      all_close(actual.class_scores.data(), expected.class_scores.data(), actual.class_scores.size(), 1e-30, tolerance);
  INFO(all.message);
  CHECK(all);

  // A label may differ only where the oracle could not tell either.
  size_t differing = 0;
  for (size_t i = 0; i < pixels; ++i) {
    if (actual.labels[i] == expected.labels[i]) continue;
    const double best = expected.scores[i];
    if (best < static_cast<double>(std::numeric_limits<float>::min()) && actual.labels[i] == 0)
      continue;  // counts as 0
    ++differing;
    const auto score_of = [&](size_t q) { return static_cast<double>(expected.class_scores[q * pixels + i]); };
    const double margin = 2 * tolerance * best;
    const bool threshold_close = std::abs(best - static_cast<double>(p.prob_threshold)) <= margin;
    const bool classes_close = best - score_of(actual.labels[i]) <= margin;
    INFO("pixel " << i << ": label " << actual.labels[i] << " for " << expected.labels[i] << ", best score " << best
                  << ", this label's " << score_of(actual.labels[i]));
    REQUIRE((threshold_close || classes_close));
  }
  CHECK(differing <= 1 + pixels / 1000);

  // Statistics belong to the labels and scores that were written, exactly.
  std::vector<MergeStatistics> counted(classes);
  for (size_t i = 0; i < pixels; ++i) {
    MergeStatistics& s = counted[actual.labels[i]];
    ++s.pixels;
    s.score_sum += static_cast<double>(actual.scores[i]);
    s.max_score = std::max(s.max_score, actual.scores[i]);
  }
  for (size_t q = 0; q < classes; ++q) {
    REQUIRE(actual.statistics[q].pixels == counted[q].pixels);
    REQUIRE(actual.statistics[q].max_score == counted[q].max_score);
    REQUIRE(std::abs(actual.statistics[q].score_sum - counted[q].score_sum) <=
            0x1p-30 * static_cast<double>(counted[q].pixels));
  }
}

void check_case(const Case& c) {
  CAPTURE(c.photo_w, c.photo_h, c.resized_w, c.resized_h, c.crop, c.stride, c.patch, c.queries, c.classes,
          c.prob_threshold, c.area_threshold.value_or(-1.f), c.logit_scale);
  Scene expected(c);
  ref::window_merge(expected.p);
  for_each_target([&] {
    Scene actual(c);
    run(actual);
    compare(actual, expected);
  });
}

const Case kSmall{40, 30, 60, 45, 32, 16, 8, 5, 5};

}  // namespace

TEST_CASE("window_merge agrees with the oracle: sizes", "[window_merge]") {
  SECTION("1×1 photos") {
    check_case({1, 1, 1, 1, 224, 112, 16, 3, 3});
    check_case({1, 1, 336, 336, 224, 112, 16, 3, 3});
  }
  SECTION("1×N and N×1 photos") {
    check_case({1, 97, 21, 2048, 224, 112, 16, 2, 2});
    check_case({97, 1, 2048, 21, 224, 112, 16, 2, 2});
    check_case({16, 1, 16, 1, 224, 112, 16, 2, 2});
  }
  SECTION("the photo's size is the resized size") {
    check_case({504, 336, 504, 336, 224, 112, 16, 4, 4});
  }
  SECTION("the photo is larger, with a last window shifted back") {
    check_case({751, 500, 504, 336, 224, 112, 16, 4, 4});
    check_case({1303, 701, 180, 97, 64, 32, 16, 3, 3});
  }
  SECTION("the photo is smaller") {
    check_case({150, 100, 504, 336, 224, 112, 16, 4, 4});
    check_case({17, 9, 504, 336, 224, 112, 16, 4, 4});
  }
  SECTION("patches out of register, and sizes that patches do not divide") {
    check_case({333, 222, 504, 337, 224, 112, 14, 4, 4});
    check_case({100, 130, 215, 301, 100, 33, 16, 3, 3});
  }
  SECTION("an axis shorter than the crop, and windows smaller than a patch") {
    check_case({200, 50, 400, 100, 224, 112, 16, 3, 3});
    check_case({30, 7, 30, 7, 224, 112, 16, 3, 3});
  }
  SECTION("the whole photo is one window") {
    check_case({90, 61, 120, 81, 120, 120, 16, 3, 3});
  }
  SECTION("many windows on each pixel") {
    check_case({80, 60, 70, 50, 32, 1, 8, 3, 3});
  }
}

TEST_CASE("window_merge agrees with the oracle: many pixels a patch, more queries than fit at once", "[window_merge]") {
  check_case({200, 70, 64, 48, 32, 16, 8, 300, 150, 0.01f, 0.02f});
  check_case({64, 150, 48, 80, 32, 16, 16, 700, 700, 0.f, {}, 200.f});
}

TEST_CASE("window_merge agrees with the oracle: numbers of queries", "[window_merge]") {
  const int64_t queries = GENERATE(1, 2, 3, 15, 16, 17, 33, 171, 1000);
  check_case({40, 30, 60, 45, 32, 16, 8, queries, queries});
}

TEST_CASE("window_merge agrees with the oracle: synonyms, thresholds, scales", "[window_merge]") {
  SECTION("synonyms") {
    check_case({97, 61, 120, 81, 64, 32, 8, 54, 21});
  }
  SECTION("classes without a query") {
    check_case({97, 61, 120, 81, 64, 32, 8, 5, 12});
  }
  SECTION("a threshold") {
    check_case({97, 61, 120, 81, 64, 32, 8, 54, 21, 0.1f});
    check_case({97, 61, 120, 81, 64, 32, 8, 4, 4, 0.7f});
    check_case({97, 61, 120, 81, 64, 32, 8, 4, 4, 1.5f});  // nothing reaches it
  }
  SECTION("an area filter") {
    check_case({97, 61, 120, 81, 64, 32, 8, 6, 6, 0.f, 0.2f});
    check_case({97, 61, 120, 81, 64, 32, 8, 54, 21, 0.1f, 0.05f});
    check_case({97, 61, 120, 81, 64, 32, 8, 54, 21, 0.1f, 0.0f});
    check_case({97, 61, 120, 81, 64, 32, 8, 6, 6, 0.3f, 1.0f});  // only class 0 stays
    check_case({97, 61, 120, 81, 64, 32, 8, 171, 171, 0.f, 0.01f});
  }
  SECTION("one class, filtered") {
    check_case({20, 10, 40, 20, 16, 8, 4, 1, 1, 0.f, 0.1f});
  }
  SECTION("one-hot softmaxes, for which a bound on the logits is far from the best") {
    check_case({97, 61, 120, 81, 64, 32, 8, 6, 6, 0.f, {}, 300.f});
    check_case({97, 61, 120, 81, 64, 32, 8, 6, 6, 0.f, {}, 5000.f});
    check_case({97, 61, 120, 81, 64, 32, 8, 6, 6, 0.f, 0.2f, 5000.f});
  }
  SECTION("nearly uniform softmaxes") {
    check_case({97, 61, 120, 81, 64, 32, 8, 6, 6, 0.f, {}, 1e-3f});
  }
}

TEST_CASE("window_merge does not depend on the number of threads, to the last bit", "[window_merge][cpu]") {
  const Case c{301, 203, 120, 81, 64, 32, 8, 54, 21, 0.1f, 0.05f};
  Scene one(c), two(c), three(c);
  WindowMergeWorkspace workspace;  // shared, as a session does
  window_merge_cpu(one.p, workspace, testing::cpu_queue(1));
  window_merge_cpu(two.p, workspace, testing::cpu_queue(2));
  window_merge_cpu(three.p, workspace, testing::cpu_queue(3));
  for (const Scene* other : {&two, &three}) {
    CHECK(one.labels == other->labels);
    CHECK(one.scores == other->scores);
    CHECK(one.full_logits == other->full_logits);
    CHECK(one.class_scores == other->class_scores);
    for (size_t q = 0; q < one.statistics.size(); ++q) {
      CHECK(one.statistics[q].pixels == other->statistics[q].pixels);
      CHECK(one.statistics[q].score_sum == other->statistics[q].score_sum);
      CHECK(one.statistics[q].max_score == other->statistics[q].max_score);
    }
  }
}

TEST_CASE("window_merge's optional outputs are optional, and u8 labels equal u16 ones", "[window_merge]") {
  const Case c{97, 61, 120, 81, 64, 32, 8, 300, 256, 0.02f, 0.004f};
  Scene all(c), few(c);
  run(all);
  few.p.label_dtype = DType::kU8;
  few.p.statistics = nullptr;
  few.p.full_logits = few.p.class_scores = nullptr;
  run(few);
  CHECK(few.scores == all.scores);
  CHECK(few.labels == all.labels);
}

TEST_CASE("window_merge recorded and replayed equals window_merge, to the last bit", "[window_merge]") {
  if (!testing::Dut::get().stream().can_record()) return;
  const Case c{97, 61, 120, 81, 64, 32, 8, 54, 21, 0.1f, 0.05f};
  Scene eager(c), replayed(c);
  run(eager);
  run(replayed, true);
  CHECK(replayed.labels == eager.labels);
  CHECK(replayed.scores == eager.scores);
  CHECK(replayed.full_logits == eager.full_logits);
  CHECK(replayed.class_scores == eager.class_scores);
  for (size_t q = 0; q < eager.statistics.size(); ++q) {
    CHECK(replayed.statistics[q].pixels == eager.statistics[q].pixels);
    CHECK(replayed.statistics[q].score_sum == eager.statistics[q].score_sum);
    CHECK(replayed.statistics[q].max_score == eager.statistics[q].max_score);
  }
}

TEST_CASE("ties go to the lowest class", "[window_merge]") {
  Scene scene(kSmall);
  for (size_t i = 0; i < scene.logits.size(); ++i) scene.logits[i] = i % 5 == 0 ? 0.1f : 0.25f;  // 1 to 4 are equal
  run(scene);
  CHECK(std::all_of(scene.labels.begin(), scene.labels.end(), [](uint16_t q) { return q == 1; }));
  scene.p.area_threshold = 1.0f;  // 1 has all pixels of the foreground, and that is not more than all
  run(scene);
  CHECK(std::all_of(scene.labels.begin(), scene.labels.end(), [](uint16_t q) { return q == 0; }));
}

TEST_CASE("a single query has every pixel with certainty", "[window_merge]") {
  Scene scene({40, 30, 60, 45, 32, 16, 8, 1, 1});
  run(scene);
  CHECK(std::all_of(scene.scores.begin(), scene.scores.end(), [](float s) { return s == 1.0f; }));
  CHECK(scene.statistics[0].score_sum == 40 * 30);
}

TEST_CASE("huge logits give one-hot scores, never nonsense", "[window_merge]") {
  const float magnitude = GENERATE(1e4f, 1e8f, 1e25f);
  CAPTURE(magnitude);
  for_each_target([&] {
    Scene scene(kSmall);
    scene.p.logit_scale = 1;
    for (float& x : scene.logits) x = (x - 0.2f) * magnitude;
    run(scene);
    for (const float s : scene.scores) REQUIRE((s >= 0.2f && s <= 1.f));  // of five queries
  });
}

TEST_CASE("window_merge refuses logits that are not finite, and says which", "[window_merge]") {
  const float bad = GENERATE(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(), 1e35f);
  for_each_target([&] {
    Scene scene(kSmall);
    scene.logits[((1 * 16) + 7) * 5 + 3] = bad;
    scene.logits[((1 * 16) + 9) * 5 + 3] = bad;  // the first is named
    try {
      run(scene);
      FAIL("no exception");
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::kInvalidArgument);
      INFO(e.what());
      CHECK(std::string(e.what()).find("window 1, patch 7, query 3") != std::string::npos);
    }
  });
}

TEST_CASE("window_merge refuses parameters that cannot work", "[window_merge]") {
  Scene scene(kSmall);
  SECTION("no queries") {
    scene.p.queries = 0;
  }
  SECTION("labels of another type") {
    scene.p.label_dtype = DType::kI32;
  }
  SECTION("too many classes for u8") {
    scene.p.label_dtype = DType::kU8;
    scene.p.classes = 257;
  }
  SECTION("a class out of range") {
    scene.p.classes = 4;
  }
  SECTION("classes out of order") {
    scene.query_class[3] = 0;
  }
  SECTION("a scale of 0") {
    scene.p.logit_scale = 0;
  }
  SECTION("a scale that is NaN") {
    scene.p.logit_scale = std::numeric_limits<float>::quiet_NaN();
  }
  SECTION("a photo without pixels") {
    scene.p.photo_height = 0;
  }
  SECTION("a photo with too many") {
    scene.p.photo_width = scene.p.photo_height = 1 << 16;
  }
  SECTION("a gap between windows") {
    scene.xs[1] += 17;
  }
  SECTION("a window outside the photo") {
    scene.ys[1] = 14;
  }
  CHECK_THROWS_AS(run(scene), Error);
}
