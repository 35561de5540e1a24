#include "kernels/label_planes/label_planes.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/label_planes/merge_scene_test.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::check_equal;
using testing::for_each_target;
using testing::LabelResults;
using testing::MergeOnDevice;
using testing::MergeScene;
using testing::random_normal;

namespace {

// Labels of planes, as the header says to call it. `planes_of(first, count)` gives a group's planes on the device.
template <typename PlanesOf>
void label_in_groups(LabelPlanesParams p, int64_t group, const PlanesOf& planes_of) {
  Stream& stream = testing::Dut::get().stream();
  auto state = testing::Dut::get().output<std::byte>(label_state_bytes(p.height, p.width, p.rule.classes));
  p.state = state.data();
  const auto add = [&](LabelStep step) {
    p.step = step;
    for (p.first_query = 0; p.first_query < p.rule.queries; p.first_query += group) {
      p.count = std::min(group, p.rule.queries - p.first_query);
      p.planes = planes_of(p.first_query, p.count);
      stream.label_planes(p);
    }
  };
  const auto finish = [&](LabelStep step) {
    p.step = step;
    stream.label_planes(p);
  };
  add(LabelStep::kAdd);
  finish(LabelStep::kFinish);
  LabelStateHead head;
  stream.download(&head, p.state, sizeof(head));
  stream.synchronize();
  REQUIRE((p.rule.area_threshold || head.removed_pixels == 0));
  if (head.removed_pixels == 0) return;
  add(LabelStep::kAddKept);
  finish(LabelStep::kFinishKept);
}

// From the windows of a scene, through planes of `group` queries at a time.
LabelResults by_planes(const MergeScene& scene, int64_t group) {
  MergeOnDevice device(scene);
  auto planes = testing::Dut::get().output<float>(static_cast<size_t>(group) * scene.pixels());
  const LabelPlanesParams p{
      .rule = device.rule, .height = scene.windows.photo_height, .width = scene.windows.photo_width, .out = device.out};
  label_in_groups(p, group, [&](int64_t first, int64_t count) {
    testing::Dut::get().stream().window_planes(
        {.windows = device.windows, .first_query = first, .count = count, .planes = planes.data()});
    return planes.data();
  });
  return device.results();
}

LabelResults fused(const MergeScene& scene) {
  MergeOnDevice device(scene);
  const WindowMergeParams p{.windows = device.windows, .rule = device.rule, .out = device.out};
  testing::Dut::get().stream().window_merge(p);
  return device.results();
}

// Planes of a case's size that are not a window's, such as a refinement makes.
struct Planes {
  explicit Planes(const LabelRule& r, int64_t h, int64_t w, std::vector<float> v)
      : rule(r), height(h), width(w), values(std::move(v)) {}
  LabelRule rule;
  int64_t height, width;
  std::vector<float> values;
};

LabelResults label(const Planes& planes, int64_t group) {
  testing::Dut& dut = testing::Dut::get();
  const auto pixels = static_cast<size_t>(planes.height * planes.width);
  auto values = dut.copy(planes.values);
  auto query_class =
      dut.copy(std::vector<int32_t>(planes.rule.query_class, planes.rule.query_class + planes.rule.queries));
  auto labels = dut.output<uint16_t>(pixels);
  auto scores = dut.output<float>(pixels);
  auto statistics = dut.output<LabelStatistics>(static_cast<size_t>(label_slots(planes.rule)));
  LabelPlanesParams p{.rule = planes.rule,
                      .height = planes.height,
                      .width = planes.width,
                      .out = {.labels = labels.data(), .scores = scores.data(), .statistics = statistics.data()}};
  p.rule.query_class = query_class.data();
  label_in_groups(p, group,
                  [&](int64_t first, int64_t) { return values.data() + first * static_cast<int64_t>(pixels); });
  return {labels.host(), scores.host(), statistics.host()};
}

std::vector<int32_t> synonyms(int64_t queries, int64_t classes) {
  std::vector<int32_t> out;
  for (int64_t k = 0; k < queries; ++k) out.push_back(static_cast<int32_t>(k * classes / queries));
  return out;
}

}  // namespace

TEST_CASE("window_planes and label_planes equal the fused window_merge, to the last bit", "[label_planes]") {
  const int64_t queries = GENERATE(1, 2, 7, 21, 54, 171);
  const int64_t classes = queries == 54 ? 21 : queries;
  struct Rule {
    float prob_threshold;
    std::optional<float> area_threshold;
    float logit_scale;
    std::optional<int32_t> low_label = {};
  };
  // Scores around 1/K and up to 1; filters that remove none, some, and all but class 0; references that must move.
  const Rule rule = GENERATE(Rule{0, {}, 50}, Rule{0.1f, {}, 50}, Rule{0.1f, 0.05f, 50}, Rule{0, 0.0f, 50},
                             Rule{0.02f, 1.0f, 40}, Rule{0, 0.02f, 5000}, Rule{0.3f, 0.1f, 300},
                             Rule{0.1f, {}, 50, 255}, Rule{0.02f, 0.05f, 50, 171}, Rule{0.3f, 0.1f, 300, 65535});
  CAPTURE(queries, classes, rule.prob_threshold, rule.area_threshold.value_or(-1), rule.logit_scale,
          rule.low_label.value_or(-1));
  // Many planes cost seconds under cudasim: the rules that ask most of them, in two groupings.
  const bool costly = queries > 50 && !testing::Dut::get().is_cpu();
  if (costly && (rule.logit_scale > 50 || rule.prob_threshold == 0)) return;
  const MergeScene scene({97, 61, 120, 81, 64, 32, 8, queries, classes, rule.prob_threshold, rule.area_threshold,
                          rule.logit_scale, rule.low_label});
  for_each_target([&] {
    const LabelResults expected = fused(scene);
    for (const int64_t group : {int64_t{1}, int64_t{5}, int64_t{8}, queries}) {
      if (costly && group < 8) continue;
      CAPTURE(group);
      check_equal(by_planes(scene, std::min(group, queries)), expected);
    }
  });
}

TEST_CASE("window_planes and label_planes equal the fused window_merge with u8 labels and windows out of register",
          "[label_planes]") {
  // More than 6 groups of columns a tile; 14-pixel patches; a photo smaller than its windows.
  const auto c = GENERATE(testing::MergeCase{80, 60, 70, 50, 32, 1, 8, 21, 9, 0.1f, 0.05f},
                          testing::MergeCase{333, 22, 504, 337, 224, 112, 14, 4, 4, 0.3f, 0.3f},
                          testing::MergeCase{17, 9, 504, 336, 224, 112, 16, 12, 5, 0.0f, 0.3f},
                          testing::MergeCase{80, 60, 70, 50, 32, 1, 8, 21, 9, 0.2f, 0.05f, 50, 255});
  MergeScene scene(c);
  scene.label_dtype = DType::kU8;
  check_equal(by_planes(scene, 3), fused(scene));
}

TEST_CASE("label_planes agrees with the oracle", "[label_planes]") {
  struct Shape {
    int64_t height, width, queries, classes;
    float prob_threshold = 0;
    std::optional<float> area_threshold = {};
    float logit_scale = 50;
    std::optional<int32_t> low_label = {};
  };
  const Shape c =
      GENERATE(Shape{1, 1, 1, 1}, Shape{1, 97, 3, 3}, Shape{97, 1, 2, 2}, Shape{61, 97, 54, 21, 0.1f},
               Shape{61, 97, 54, 21, 0.1f, 0.05f}, Shape{61, 97, 5, 12, 0.0f, 0.2f}, Shape{61, 97, 6, 6, 0.3f, 1.0f},
               Shape{80, 103, 6, 6, 0.0f, {}, 300.f}, Shape{80, 103, 6, 6, 0.0f, 0.2f, 5000.f},
               Shape{20, 30, 300, 300, 0.0f, 0.004f}, Shape{61, 97, 6, 6, 0.0f, {}, 1e-3f},
               Shape{61, 97, 54, 21, 0.1f, {}, 50, 21}, Shape{61, 97, 54, 21, 0.1f, 0.05f, 50, 255},
               Shape{80, 103, 6, 6, 0.9f, 0.2f, 5000.f, 65535}, Shape{9, 8, 3, 3, 1.5f, {}, 50, 65535});
  CAPTURE(c.height, c.width, c.queries, c.classes, c.prob_threshold, c.area_threshold.value_or(-1), c.logit_scale,
          c.low_label.value_or(-1));
  const auto pixels = static_cast<size_t>(c.height * c.width);
  const std::vector<int32_t> query_class = synonyms(c.queries, c.classes);
  const Planes planes({.queries = c.queries,
                       .classes = c.classes,
                       .query_class = query_class.data(),
                       .logit_scale = c.logit_scale,
                       .prob_threshold = c.prob_threshold,
                       .area_threshold = c.area_threshold,
                       .low_label = c.low_label},
                      c.height, c.width, random_normal(static_cast<size_t>(c.queries) * pixels, 7, 0.2f, 0.04f));
  const testing::ExpectedLabels expected({planes.values.begin(), planes.values.end()}, planes.rule, pixels);
  for_each_target([&] {
    // The logits are exact. Scaled, they are off by half an ulp of scale · U, twice: 2^-24 of logits below 0.5.
    check_labels(label(planes, std::min<int64_t>(4, c.queries)), expected, 0x1p-24);
  });
}

TEST_CASE("label_planes follows a rising sequence of huge logits without overflow", "[label_planes]") {
  // Every query is 2^150 times as likely as the one before: the reference must move with each.
  const std::vector<int32_t> query_class = synonyms(9, 9);
  std::vector<float> values(9 * 20);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i / 20) * 104.0f;
  const Planes planes({.queries = 9, .classes = 9, .query_class = query_class.data()}, 4, 5, values);
  for_each_target([&] {
    const LabelResults r = label(planes, 2);
    CHECK(std::all_of(r.labels.begin(), r.labels.end(), [](uint16_t q) { return q == 8; }));
    CHECK(std::all_of(r.scores.begin(), r.scores.end(), [](float s) { return s == 1.0f; }));
  });
}

TEST_CASE("label_planes: ties go to the lowest class, across groups too", "[label_planes]") {
  const std::vector<int32_t> query_class = synonyms(5, 5);
  std::vector<float> values(5 * 60, 0.25f);
  std::fill_n(values.begin(), 60, 0.1f);  // 1 to 4 are equal
  Planes planes({.queries = 5, .classes = 5, .query_class = query_class.data(), .logit_scale = 50}, 6, 10, values);
  CHECK(label(planes, 2).labels == std::vector<uint16_t>(60, 1));
  planes.rule.area_threshold = 1.0f;  // 1 has all pixels of the foreground, and that is not more than all
  CHECK(label(planes, 2).labels == std::vector<uint16_t>(60, 0));
}

TEST_CASE("label_planes: a label of its own for low scores takes the place of class 0 and nothing else",
          "[label_planes]") {
  const std::vector<int32_t> query_class = synonyms(12, 6);
  const std::optional<float> area = GENERATE(std::optional<float>{}, std::optional<float>{0.16f});
  Planes planes({.queries = 12,
                 .classes = 6,
                 .query_class = query_class.data(),
                 .logit_scale = 50,
                 .prob_threshold = 0.4f,
                 .area_threshold = area},
                40, 50, random_normal(12 * 2000, 5, 0.2f, 0.04f));
  const LabelResults zero = label(planes, 5);
  planes.rule.low_label = 300;
  const LabelResults own = label(planes, 5);
  CHECK(own.scores == zero.scores);
  int64_t low = 0;
  for (size_t i = 0; i < zero.labels.size(); ++i) {
    const bool is_low = zero.scores[i] < planes.rule.prob_threshold;
    REQUIRE(own.labels[i] == (is_low ? 300 : zero.labels[i]));
    low += is_low ? 1 : 0;
  }
  REQUIRE((low > 100 && low < 1900));
  REQUIRE(own.statistics.size() == 7);
  CHECK(own.statistics[6].pixels == low);
  CHECK(own.statistics[0].pixels + low == zero.statistics[0].pixels);
  for (size_t q = 1; q < 6; ++q) CHECK(own.statistics[q].pixels == zero.statistics[q].pixels);
  CHECK(own.statistics[6].max_score < planes.rule.prob_threshold);
}

TEST_CASE("label_planes does not depend on the number of threads, to the last bit", "[label_planes][cpu]") {
  const int64_t height = 91, width = 211, queries = 12;
  const std::vector<int32_t> query_class = synonyms(queries, 7);
  const std::vector<float> planes = random_normal(static_cast<size_t>(queries * height * width), 3, 0.2f, 0.04f);
  const auto with_threads = [&](int threads) {
    const auto pixels = static_cast<size_t>(height * width);
    LabelResults r{std::vector<uint16_t>(pixels), std::vector<float>(pixels), std::vector<LabelStatistics>(8)};
    AlignedBuffer<std::byte> state(label_state_bytes(height, width, 7));
    LabelPlanesParams p{
        .planes = planes.data(),
        .count = queries,
        .rule = {.queries = queries,
                 .classes = 7,
                 .query_class = query_class.data(),
                 .logit_scale = 40,
                 .prob_threshold = 0.1f,
                 .area_threshold = 0.16f,
                 .low_label = 255},
        .height = height,
        .width = width,
        .state = state.data(),
        .out = {.labels = r.labels.data(), .scores = r.scores.data(), .statistics = r.statistics.data()}};
    for (const LabelStep step : {LabelStep::kAdd, LabelStep::kFinish, LabelStep::kAddKept, LabelStep::kFinishKept}) {
      p.step = step;
      label_planes_cpu(p, testing::cpu_queue(threads));
    }
    CHECK(reinterpret_cast<const LabelStateHead*>(state.data())->removed_pixels > 0);
    return r;
  };
  const LabelResults one = with_threads(1);
  check_equal(one, with_threads(2));
  check_equal(one, with_threads(3));
}

TEST_CASE("label_planes refuses logits that are not finite, and says where", "[label_planes]") {
  const float bad = GENERATE(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(), 1e35f);
  const std::vector<int32_t> query_class = synonyms(5, 5);
  std::vector<float> values = random_normal(5 * 60, 1, 0.2f, 0.04f);
  values[3 * 60 + 47] = bad;
  values[3 * 60 + 52] = bad;  // the first is named
  const Planes planes({.queries = 5, .classes = 5, .query_class = query_class.data()}, 6, 10, values);
  for_each_target([&] {
    try {
      label(planes, 2);
      FAIL("no exception");
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::kInvalidArgument);
      INFO(e.what());
      CHECK(std::string(e.what()).find("column 7, row 4") != std::string::npos);
    }
  });
}

TEST_CASE("label_planes refuses parameters that cannot work", "[label_planes]") {
  std::vector<int32_t> query_class = synonyms(5, 5);
  const std::vector<float> values(5 * 6, 0.2f);
  LabelRule rule{.queries = 5, .classes = 5, .query_class = query_class.data(), .logit_scale = 1};
  SECTION("a class out of range") {
    rule.classes = 4;
    CHECK_THROWS_AS(label(Planes(rule, 2, 3, values), 5), Error);
  }
  SECTION("classes out of order") {
    query_class[3] = 0;
    CHECK_THROWS_AS(label(Planes(rule, 2, 3, values), 5), Error);
  }
  SECTION("a class's label for low scores") {
    rule.low_label = 4;
    CHECK_THROWS_WITH(label(Planes(rule, 2, 3, values), 5), Catch::Contains("4 as the label of pixels below"));
  }
  SECTION("a label for low scores beyond what labels hold") {
    rule.low_label = 65536;
    CHECK_THROWS_WITH(label(Planes(rule, 2, 3, values), 5), Catch::Contains("at most 65535"));
  }
  SECTION("a scale that is NaN") {
    rule.logit_scale = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS(label(Planes(rule, 2, 3, values), 5), Error);
  }
  SECTION("what is refused before anything is read") {
    uint16_t labels[6];
    float scores[6];
    std::byte state[1];
    LabelPlanesParams p{.planes = values.data(),
                        .count = 5,
                        .rule = rule,
                        .height = 2,
                        .width = 3,
                        .state = state,
                        .out = {.labels = labels, .scores = scores}};
    SECTION("no planes") {
      p.count = 0;
    }
    SECTION("a plane beyond the last query") {
      p.first_query = 1;
    }
    SECTION("no state") {
      p.state = nullptr;
    }
    SECTION("too many pixels") {
      p.height = p.width = 1 << 16;
    }
    SECTION("no scores") {
      p.out.scores = nullptr;
    }
    CHECK_THROWS_AS(testing::Dut::get().stream().label_planes(p), Error);
  }
}
