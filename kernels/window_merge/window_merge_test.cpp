#include "kernels/window_merge/window_merge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "kernels/label_planes/merge_scene_test.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::all_close;
using testing::check_equal;
using testing::for_each_target;
using testing::LabelResults;
using testing::MergeOnDevice;
using Case = testing::MergeCase;
using Scene = testing::MergeScene;

namespace {

// Runs the scene on the device under test. Faults are thrown on either.
// `recorded`: the call is noted after a first run and then replayed over cleared results.
LabelResults run(const Scene& scene, bool with_statistics = true, bool recorded = false) {
  Stream& stream = testing::Dut::get().stream();
  MergeOnDevice device(scene);
  WindowMergeParams p{.windows = device.windows, .rule = device.rule, .out = device.out};
  if (!with_statistics) p.out.statistics = nullptr;
  stream.window_merge(p);
  if (recorded) {
    stream.begin_recording();
    stream.window_merge(p);
    const auto recording = stream.end_recording();
    const std::vector<float> cleared(scene.pixels(), -1.f);
    stream.upload(p.out.scores, cleared.data(), scene.pixels() * sizeof(float));
    stream.replay(*recording);
    stream.synchronize();
  }
  return device.results();
}

// Planes of all queries, `group` at a time.
std::vector<float> run_planes(const Scene& scene, int64_t group) {
  MergeOnDevice device(scene);
  auto planes = testing::Dut::get().output<float>(static_cast<size_t>(scene.rule.queries) * scene.pixels());
  for (int64_t first = 0; first < scene.rule.queries; first += group) {
    const WindowPlanesParams p{.windows = device.windows,
                               .first_query = first,
                               .count = std::min(group, scene.rule.queries - first),
                               .planes = planes.data() + first * static_cast<int64_t>(scene.pixels())};
    testing::Dut::get().stream().window_planes(p);
  }
  return planes.host();
}

// Weights of a few taps that sum to 1, in f32, of logits below 0.5: a dozen roundings of 2^-25 at most.
constexpr double kLogitTolerance = 1e-6;

void check_case(const Case& c) {
  CAPTURE(c.photo_w, c.photo_h, c.resized_w, c.resized_h, c.crop, c.stride, c.patch, c.queries, c.classes,
          c.prob_threshold, c.area_threshold.value_or(-1.f), c.logit_scale, c.low_label.value_or(-1));
  const Scene scene(c);
  std::vector<double> planes(static_cast<size_t>(c.queries) * scene.pixels());
  ref::window_planes(scene.windows, planes.data());
  const testing::ExpectedLabels expected(planes, scene.rule, scene.pixels());
  for_each_target([&] {
    const std::vector<float> logits = run_planes(scene, (c.queries + 1) / 2);
    const auto same = all_close(logits.data(), planes.data(), planes.size(), kLogitTolerance);
    INFO(same.message);
    CHECK(same);
    check_labels(run(scene), expected, kLogitTolerance);
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
  SECTION("a threshold, and a label of its own below it") {
    check_case({97, 61, 120, 81, 64, 32, 8, 54, 21, 0.1f, {}, 50, 21});
    check_case({97, 61, 120, 81, 64, 32, 8, 54, 21, 0.1f, 0.05f, 50, 65535});
    check_case({97, 61, 120, 81, 64, 32, 8, 4, 4, 1.5f, {}, 50, 255});  // nothing reaches it
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
  const Scene scene({301, 203, 120, 81, 64, 32, 8, 54, 21, 0.1f, 0.05f});
  WindowMergeWorkspace workspace;  // shared, as a session does
  const auto with_threads = [&](int threads) {
    LabelResults r{std::vector<uint16_t>(scene.pixels()), std::vector<float>(scene.pixels()),
                   std::vector<LabelStatistics>(21)};
    window_merge_cpu({.windows = scene.windows,
                      .rule = scene.rule,
                      .out = {.labels = r.labels.data(), .scores = r.scores.data(), .statistics = r.statistics.data()}},
                     workspace, testing::cpu_queue(threads));
    return r;
  };
  const LabelResults one = with_threads(1);
  check_equal(one, with_threads(2));
  check_equal(one, with_threads(3));
}

TEST_CASE("window_planes does not depend on how queries are grouped, to the last bit", "[window_merge]") {
  const Scene scene({97, 61, 120, 81, 64, 32, 8, 43, 43});
  const std::vector<float> all = run_planes(scene, 43);
  CHECK(run_planes(scene, 1) == all);
  CHECK(run_planes(scene, 9) == all);
}

TEST_CASE("window_merge's statistics are optional, and u8 labels equal u16 ones", "[window_merge]") {
  const Case c{97, 61, 120, 81, 64, 32, 8, 300, 256, 0.02f, 0.004f};
  Scene scene(c);
  const LabelResults all = run(scene);
  scene.label_dtype = DType::kU8;
  const LabelResults few = run(scene, false);
  CHECK(few.scores == all.scores);
  CHECK(few.labels == all.labels);
  scene.rule.classes = scene.rule.queries = scene.windows.queries = 255;  // the windows' first logits
  scene.query_class.resize(255);
  std::iota(scene.query_class.begin(), scene.query_class.end(), 0);
  scene.rule.query_class = scene.query_class.data();
  scene.rule.low_label = 255;
  const LabelResults narrow = run(scene);
  CHECK(narrow.statistics[255].pixels > 0);
  scene.label_dtype = DType::kU16;
  check_equal(narrow, run(scene));
}

TEST_CASE("window_merge recorded and replayed equals window_merge, to the last bit", "[window_merge]") {
  if (!testing::Dut::get().stream().can_record()) return;
  const Scene scene({97, 61, 120, 81, 64, 32, 8, 54, 21, 0.1f, 0.05f});
  check_equal(run(scene, true, true), run(scene));
}

TEST_CASE("ties go to the lowest class", "[window_merge]") {
  Scene scene(kSmall);
  for (size_t i = 0; i < scene.logits.size(); ++i) scene.logits[i] = i % 5 == 0 ? 0.1f : 0.25f;  // 1 to 4 are equal
  const LabelResults lowest = run(scene);
  CHECK(std::all_of(lowest.labels.begin(), lowest.labels.end(), [](uint16_t q) { return q == 1; }));
  scene.rule.area_threshold = 1.0f;  // 1 has all pixels of the foreground, and that is not more than all
  const LabelResults filtered = run(scene);
  CHECK(std::all_of(filtered.labels.begin(), filtered.labels.end(), [](uint16_t q) { return q == 0; }));
}

TEST_CASE("a single query has every pixel with certainty", "[window_merge]") {
  const LabelResults r = run(Scene({40, 30, 60, 45, 32, 16, 8, 1, 1}));
  CHECK(std::all_of(r.scores.begin(), r.scores.end(), [](float s) { return s == 1.0f; }));
  CHECK(r.statistics[0].score_sum == 40 * 30);
}

TEST_CASE("huge logits give one-hot scores, never nonsense", "[window_merge]") {
  const float magnitude = GENERATE(1e3f, 1e6f, 3e8f);
  CAPTURE(magnitude);
  for_each_target([&] {
    Scene scene(kSmall);
    scene.rule.logit_scale = 1;
    for (float& x : scene.logits) x = (x - 0.2f) * magnitude;
    const LabelResults r = run(scene);
    for (const float s : r.scores) REQUIRE((s >= 0.2f && s <= 1.f));  // of five queries
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
    scene.windows.queries = scene.rule.queries = 0;
  }
  SECTION("labels of another type") {
    scene.label_dtype = DType::kI32;
  }
  SECTION("too many classes for u8") {
    scene.label_dtype = DType::kU8;
    scene.rule.classes = 257;
  }
  SECTION("a class's label for low scores") {
    scene.rule.low_label = 0;
  }
  SECTION("a label for low scores that u8 does not hold") {
    scene.label_dtype = DType::kU8;
    scene.rule.low_label = 256;
  }
  SECTION("a class out of range") {
    scene.rule.classes = 4;
  }
  SECTION("classes out of order") {
    scene.query_class[3] = 0;
  }
  SECTION("a scale of 0") {
    scene.rule.logit_scale = 0;
  }
  SECTION("a scale that is NaN") {
    scene.rule.logit_scale = std::numeric_limits<float>::quiet_NaN();
  }
  SECTION("a photo without pixels") {
    scene.windows.photo_height = 0;
  }
  SECTION("a photo with too many") {
    scene.windows.photo_width = scene.windows.photo_height = 1 << 16;
  }
  SECTION("a rule for another number of queries") {
    scene.rule.queries = 4;
  }
  SECTION("2^31 patches") {
    scene.windows.windows_x = 1 << 15;
    scene.windows.windows_y = 1 << 12;  // of 16 patches
  }
  SECTION("more than 2^32 logits") {
    scene.windows.windows_x = scene.windows.windows_y = 1 << 13;  // of 16 patches and 5 queries
  }
  SECTION("a gap between windows") {
    scene.xs[1] += 17;
  }
  SECTION("a window outside the photo") {
    scene.ys[1] = 14;
  }
  CHECK_THROWS_AS(run(scene), Error);
}

TEST_CASE("window_merge without scores has the same labels and statistics", "[window_merge]") {
  const std::optional<float> area =
      GENERATE(std::optional<float>(), std::optional<float>(0.0f), std::optional<float>(0.2f));
  Scene scene(kSmall);
  scene.rule.area_threshold = area;
  scene.rule.prob_threshold = 0.3f;
  const LabelResults expected = run(scene);
  MergeOnDevice device(scene);
  WindowMergeParams p{.windows = device.windows, .rule = device.rule, .out = device.out};
  p.out.scores = nullptr;
  testing::Dut::get().stream().window_merge(p);
  const LabelResults actual = device.results();
  CHECK(actual.labels == expected.labels);
  REQUIRE(actual.statistics.size() == expected.statistics.size());
  for (size_t q = 0; q < actual.statistics.size(); ++q) {
    CHECK(actual.statistics[q].pixels == expected.statistics[q].pixels);
    CHECK(actual.statistics[q].score_sum == expected.statistics[q].score_sum);
    CHECK(actual.statistics[q].max_score == expected.statistics[q].max_score);
  }
}

TEST_CASE("window_planes refuses a range of queries that is not there", "[window_merge]") {
  const Scene scene(kSmall);
  MergeOnDevice device(scene);
  auto planes = testing::Dut::get().output<float>(5 * scene.pixels());
  WindowPlanesParams p{.windows = device.windows, .count = 5, .planes = planes.data()};
  SECTION("none") {
    p.count = 0;
  }
  SECTION("beyond the last") {
    p.first_query = 1;
  }
  SECTION("no room for them") {
    p.planes = nullptr;
  }
  CHECK_THROWS_AS(testing::Dut::get().stream().window_planes(p), Error);
}
