// Read-outs with a second stream: their position rules, and what does not depend on what came before.
#include <map>
#include <tuple>

#include "engine/dense_head/depth.h"
#include "engine/dense_head/positions.h"
#include "engine/position_table.h"
#include "io/image_decode.h"
#include "sclip/engine.h"
#include "sclip/error.h"
#include "sclip/session.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;

namespace {

const std::filesystem::path kDualGoldens = std::filesystem::path(SCLIP_SOURCE_DIR) / "tests/data/goldens";

// A class position and a grid of four by four, in two columns of which the second is the first times −2.
const std::vector<float> kGrid = {1, -2, 3, 0.5f, 0, 4, -1, 2, 2.5f, 1, -3, 1, -1, 0, 2, -2};
std::vector<float> table() {
  std::vector<float> out = {7, -14};
  for (const float x : kGrid) out.insert(out.end(), {x, -2 * x});
  return out;
}

struct Resized {
  int64_t height, width;
  std::vector<float> values;
};

// Image.fromarray(grid).resize((width, height), Image.BICUBIC) of Pillow 12, which resamples f32 in double.
const std::vector<Resized> kPillow = {
    {6,
     3,
     {-0.11312176f, 0.41313615f, 1.4322684f, 0.52153724f, 1.1383537f, 1.2708977f, 1.5177054f, 1.2402335f, 0.8122113f,
      2.4294245f, -0.99008393f, -0.039820638f, 0.7142953f, -0.09962395f, -0.64719343f, -1.0794743f, 1.3319013f,
      -0.94173795f}},
    {2, 2, {0.8486613f, 0.93151087f, 0.689024f, -0.3283929f}},
    {4, 7, {1.2379807f,   -0.097064316f, -2.0178149f,  0.46875f,  3.0404472f,  1.4460377f,  0.30168268f,
            -0.31730768f, 1.3991176f,    3.9725504f,   1.5625f,   -1.017815f,  0.9029357f,  2.2379808f,
            2.6189904f,   2.1996436f,    1.1907835f,   -1.34375f, -2.9418287f, -0.3609367f, 1.3173077f,
            -1.0793269f,  -0.7743085f,   -0.10670787f, 1.3125f,   1.8803854f,  -0.7154251f, -2.3173077f}}};

// cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR) of OpenCV 4.
const std::vector<Resized> kOpenCv = {
    {6,
     3,
     {0.5f, 0.5f, 0.91666675f, 0.5833334f, 1.0f, 1.2083334f, 0.9305556f, 1.0833334f, 1.3055556f, 1.986111f,
      -0.58333325f, 0.52777773f, 0.7083334f, 0.0f, -0.5f, -0.8333333f, 1.0f, -1.3333333f}},
    {2, 2, {0.75f, 1.125f, 0.625f, -0.5f}},
    {4, 7, {1.0f,  -0.0714286f,  -1.7857141f, 0.5f,  2.8214285f,   1.3928572f,   0.5f,
            0.0f,  1.4285715f,   3.7142856f,  1.5f,  -0.78571427f, 0.9285714f,   2.0f,
            2.5f,  1.9642857f,   1.1071429f,  -1.0f, -2.7142856f,  -0.42857146f, 1.0f,
            -1.0f, -0.64285713f, -0.0714286f, 1.0f,  1.7142857f,   -0.57142854f, -2.0f}}};

void check_positions(PositionRule rule, const std::vector<Resized>& expected) {
  const std::vector<float> native = table();
  CHECK(rule(native.data(), 17, 2, 4, 4) == native);
  for (const Resized& r : expected) {
    CAPTURE(r.height, r.width);
    const std::vector<float> found = rule(native.data(), 17, 2, r.height, r.width);
    REQUIRE(found.size() == 2 * (1 + r.values.size()));
    CHECK(found[0] == 7);
    CHECK(found[1] == -14);
    for (size_t i = 0; i < r.values.size(); ++i) {
      CAPTURE(i);
      CHECK(std::abs(found[2 + 2 * i] - r.values[i]) <= 2e-6f);  // OpenCV's weights are in f32
      CHECK(std::abs(found[3 + 2 * i] + 2 * r.values[i]) <= 4e-6f);
    }
  }
}

}  // namespace

TEST_CASE("GEM's positions are Pillow's bicubic", "[engine]") {
  check_positions(antialiased_positions, kPillow);
}

TEST_CASE("CLIP Surgery's positions are OpenCV's bilinear", "[engine]") {
  check_positions(bilinear_positions, kOpenCv);
}

TEST_CASE("positions go by sides, not by the count of tokens", "[engine]") {
  const std::vector<float> native = table();
  for (const PositionRule rule : {PositionRule(antialiased_positions), PositionRule(bilinear_positions)}) {
    CHECK(rule(native.data(), 17, 2, 2, 8) != native);
    CHECK_THROWS_AS(rule(native.data(), 16, 2, 4, 4), Error);
  }
}

TEST_CASE("blocks are found by depth in any tower", "[engine]") {
  for (int block = 1; block <= 12; ++block) CHECK(block_at_depth(block, 12) == block);
  CHECK(block_at_depth(7, 6) == 4);
  CHECK(block_at_depth(7, 24) == 14);
  CHECK(block_at_depth(7, 1) == 1);
  CHECK(block_at_depth(1, 2) == 1);
}

TEST_CASE("a photo's scores do not depend on those before it", "[device]") {
  // Windows of two sizes, neither of which the position table was made for.
  const auto engine = Engine::load(kDualGoldens / "tiny.sclip",
                                   {.backend = {.device = testing::device_under_test(), .precision = Precision::kF32}});
  const auto bank = make_text_bank(*engine, parse_class_argument("sky; building; tree"), {.templates = {"{}"}});
  std::map<std::string, Image> photos;
  for (const char* name : {"landscape.png", "portrait.png"}) {
    photos[name] = load_image(kDualGoldens / name, *testing::cpu_queue().pool);
  }
  const auto logits_of = [&](Session& session, const std::string& policy, const Image& photo) {
    std::vector<float> logits(3 * static_cast<size_t>(photo.width) * static_cast<size_t>(photo.height));
    session.segment(photo.view(), *bank, {.short_side = 48, .crop = 0, .policy = policy}, logits);
    return logits;
  };
  for (const std::string policy : {"gem", "gem:t=5", "surgery", "surgery:feature=0", "cliptrase"}) {
    CAPTURE(policy);
    std::map<std::string, std::vector<float>> alone;
    for (const auto& [name, photo] : photos) {
      Session session(engine);
      alone[name] = logits_of(session, policy, photo);
    }
    // Often enough for a device to record and to replay.
    Session session(engine);
    for (int round = 0; round < 4; ++round) {
      for (const auto& [name, photo] : photos) {
        CAPTURE(round, name);
        CHECK(logits_of(session, policy, photo) == alone[name]);
      }
    }
  }
}

TEST_CASE("labels that patches vote on are the same alone, in company and replayed", "[device]") {
  const auto engine = Engine::load(kDualGoldens / "tiny.sclip",
                                   {.backend = {.device = testing::device_under_test(), .precision = Precision::kF32}});
  const auto bank = make_text_bank(*engine, parse_class_argument("sky; building; tree"), {.templates = {"{}"}});
  const SegmentOptions voted{.short_side = 48, .crop = 0, .policy = "cliptrase:clusters=1,eps=1.5,min=2"};
  SegmentOptions plain = voted;
  plain.policy = "cliptrase";
  std::vector<Image> photos;
  for (const char* name : {"landscape.png", "portrait.png", "landscape.png"}) {
    photos.push_back(load_image(kDualGoldens / name, *testing::cpu_queue().pool));
  }
  std::vector<PhotoRequest> requests;
  std::vector<Segmentation> alone;
  bool changed = false;
  for (const Image& photo : photos) {
    requests.push_back({.photo = photo.view(), .with_scores = false});
    Session session(engine);
    alone.push_back(session.segment(photo.view(), *bank, voted));
    const Segmentation& a = alone.back();
    const Segmentation without = session.segment(photo.view(), *bank, plain);
    changed = changed || a.labels != without.labels;
    CHECK(a.scores == without.scores);
    for (size_t k = 0; k < 3; ++k) {
      double sum = 0;
      int64_t pixels = 0;
      for (size_t i = 0; i < a.labels.size(); ++i) {
        if (a.labels[i] != k) continue;
        ++pixels;
        sum += double{a.scores[i]};
      }
      CHECK(a.classes[k].pixels == pixels);
      CHECK(std::abs(a.classes[k].mean_score * static_cast<double>(pixels) - sum) <= 1e-9 * (1 + sum));
    }
  }
  CHECK(changed);
  Session session(engine);
  for (int round = 0; round < 4; ++round) {
    CAPTURE(round);
    const auto together = session.segment(requests, *bank, voted);
    for (size_t i = 0; i < photos.size(); ++i) {
      CAPTURE(i);
      CHECK(together[i].labels == alone[i].labels);
      CHECK(together[i].scores.empty());
      for (size_t k = 0; k < 3; ++k) CHECK(together[i].classes[k].mean_score == alone[i].classes[k].mean_score);
    }
  }
  SegmentOptions windows = voted;
  windows.crop = 32;
  windows.stride = 16;
  try {
    session.segment(photos[0].view(), *bank, windows);
    FAIL("several windows have no common clusters");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidArgument);
    CHECK_THAT(error.what(), Catch::Matchers::Contains("crop 0"));
  }
}
