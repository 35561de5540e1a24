// What a session promises beyond the right numbers: photos in company, memory of the caller's, the border, giving back.
// SCLIP_TEST_DEVICE chooses the device for the cases tagged [device].
#include "sclip/session.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/file.h"
#include "engine/validate.h"
#include "io/image_decode.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using Catch::Contains;

namespace {

const std::filesystem::path kGoldens = std::filesystem::path(SCLIP_SOURCE_DIR) / "tests/data/goldens";

std::shared_ptr<const Engine> load_tiny(int threads = 0) {
  return Engine::load(
      kGoldens / "tiny.sclip",
      {.backend = {.device = testing::device_under_test(), .precision = Precision::kF32, .threads = threads}});
}

std::shared_ptr<const TextBank> bank_of(const Engine& engine) {
  return make_text_bank(engine, parse_class_argument("sky; building, house; tree"), {.templates = {"{}"}});
}

SegmentOptions tiny_options() {
  return {.short_side = 48, .crop = 32, .stride = 16, .logit_scale = 100};
}

// Photos of several sizes and shapes; some share their size of window, some do not.
std::vector<Image> photos() {
  std::vector<Image> out;
  for (const char* name : {"landscape.png", "portrait.png", "wide.png", "landscape.png", "pixel.png"}) {
    out.push_back(load_image(kGoldens / name, *testing::cpu_queue().pool));
  }
  return out;
}

void check_same(const Segmentation& a, const Segmentation& b) {
  CHECK(a.labels == b.labels);
  CHECK(a.scores == b.scores);
  CHECK(a.windows == b.windows);
  REQUIRE(a.classes.size() == b.classes.size());
  for (size_t i = 0; i < a.classes.size(); ++i) {
    CHECK(a.classes[i].pixels == b.classes[i].pixels);
    CHECK(a.classes[i].mean_score == b.classes[i].mean_score);
    CHECK(a.classes[i].max_score == b.classes[i].max_score);
  }
  CHECK(a.ignored.pixels == b.ignored.pixels);
  CHECK(a.ignored.mean_score == b.ignored.mean_score);
}

}  // namespace

TEST_CASE("a photo that was read answers new words as if it were segmented anew", "[session][device]") {
  const auto engine = load_tiny(2);
  Session session(engine);
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  SegmentOptions options = tiny_options();
  const auto features = session.read(photo.view(), options);
  CHECK(features->windows() == 8);
  Session another(engine);  // features belong to the engine, not to who read them
  for (const char* words : {"sky; building, house; tree", "tree; sky", "person; sky; tree; building; house"}) {
    for (const auto ignore : {std::optional<int>{}, std::optional<int>{77}}) {
      const auto bank = make_text_bank(*engine, parse_class_argument(words), {.templates = {"{}"}});
      options.prob_thd = 0.3f;
      options.ignore_label = ignore;
      const int64_t pixels = int64_t{photo.width} * photo.height;
      std::vector<float> anew_logits(static_cast<size_t>(bank->queries() * pixels)), asked_logits(anew_logits.size());
      const Segmentation anew = session.segment(photo.view(), *bank, options, anew_logits);
      const Segmentation asked = another.segment(*features, *bank, options, {.logits = asked_logits});
      CHECK(asked.windows == anew.windows);
      CHECK((asked.resized_width == anew.resized_width && asked.resized_height == anew.resized_height));
      if (engine->backend().name() == "cpu") {
        check_same(anew, asked);
        CHECK(anew_logits == asked_logits);
      } else {
        const auto close = testing::all_close(asked_logits.data(), anew_logits.data(), anew_logits.size(), 2e-6);
        INFO(close.message);
        CHECK(close.ok);
      }
    }
  }
}

TEST_CASE("photos that are read in one call have the features that each has alone", "[session]") {
  for (const int threads : {1, 3}) {
    const auto engine = load_tiny(threads);
    if (engine->backend().name() != "cpu") return;  // the promise is the CPU's
    Session session(engine);
    const std::vector<Image> pictures = photos();
    std::vector<ImageView> views;
    for (const Image& picture : pictures) views.push_back(picture.view());
    for (const char* policy : {"sclip", "naclip"}) {
      SegmentOptions options = tiny_options();
      options.policy = policy;
      const auto together = session.read(views, options);
      REQUIRE(together.size() == views.size());
      for (size_t i = 0; i < views.size(); ++i) {
        const auto bank =
            make_text_bank(*engine, parse_class_argument(i % 2 == 0 ? "sky; tree" : "person; sky; building, house"),
                           {.templates = {"{}"}});
        check_same(session.segment(*together[i], *bank, options), session.segment(views[i], *bank, options));
      }
    }
    CHECK(session.read(std::span<const ImageView>(), tiny_options()).empty());
  }
}

TEST_CASE("a policy that looks at the words keeps no features for others", "[session]") {
  const auto engine = load_tiny();
  Session session(engine);
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  SegmentOptions options = tiny_options();
  options.policy = "surgery";
  CHECK_THROWS_WITH(session.read(photo.view(), options), Contains("looks at the words"));
  options.policy = "surgery:feature=0";
  CHECK(session.read(photo.view(), options)->windows() == 8);
}

TEST_CASE("photos in one call have the bits that each has alone", "[session]") {
  for (const int threads : {1, 3}) {
    const auto engine = load_tiny(threads);
    if (engine->backend().name() != "cpu") return;  // the promise is the CPU's; the next case is for devices
    const auto bank = bank_of(*engine);
    const std::vector<Image> all = photos();
    for (SegmentOptions options : {tiny_options(), SegmentOptions{.short_side = 40, .crop = 0}}) {
      for (const auto refine : {Refinement::kNone, Refinement::kPamr, Refinement::kPearl}) {
        options.refine.kind = refine;
        CAPTURE(threads, options.crop, static_cast<int>(refine));
        Session alone(engine), together(engine);
        std::vector<PhotoRequest> requests;
        for (const Image& photo : all) requests.push_back({.photo = photo.view()});
        const auto found = together.segment(requests, *bank, options);
        REQUIRE(found.size() == all.size());
        for (size_t i = 0; i < all.size(); ++i) {
          CAPTURE(i);
          check_same(found[i], alone.segment(all[i].view(), *bank, options));
        }
      }
    }
  }
}

TEST_CASE("photos in one call have the results that each has alone", "[session][device]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  const std::vector<Image> all = photos();
  const SegmentOptions options = tiny_options();
  Session alone(engine), together(engine);
  std::vector<PhotoRequest> requests;
  std::vector<std::vector<float>> logits;
  for (const Image& photo : all) {
    logits.emplace_back(static_cast<size_t>(bank->queries()) * static_cast<size_t>(photo.width * photo.height));
    requests.push_back({.photo = photo.view(), .logits = logits.back()});
  }
  for (int round = 0; round < 3; ++round) {  // on a device: run, recorded, replayed
    for (auto& plane : logits) std::fill(plane.begin(), plane.end(), NAN);
    const auto found = together.segment(requests, *bank, options);
    for (size_t i = 0; i < all.size(); ++i) {
      CAPTURE(round, i);
      std::vector<float> expected(logits[i].size());
      const Segmentation one = alone.segment(all[i].view(), *bank, options, expected);
      // Matrix products of more rows may be split in another way.
      const auto same = testing::all_close(logits[i].data(), expected.data(), expected.size(), 2e-6);
      INFO(same.message);
      CHECK(same);
      CHECK(found[i].labels.size() == one.labels.size());
    }
  }
}

TEST_CASE("refined photos whose scores nobody wants grow from one to the next", "[session][device]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  SegmentOptions options = tiny_options();
  options.refine.kind = Refinement::kPamr;
  std::vector<Image> all = photos();
  std::sort(all.begin(), all.end(), [](const Image& a, const Image& b) { return a.rgb.size() < b.rgb.size(); });
  std::vector<PhotoRequest> requests;
  for (const Image& photo : all) {
    requests.push_back(
        {.photo = photo.view(), .rows = nullptr, .labels = {}, .scores = {}, .with_scores = false, .logits = {}});
  }
  const auto together = Session(engine).segment(requests, *bank, options);
  for (size_t i = 0; i < all.size(); ++i) {
    const Segmentation alone = Session(engine).segment(all[i].view(), *bank, options);
    CHECK(together[i].scores.empty());
    const auto same = std::equal(alone.labels.begin(), alone.labels.end(), together[i].labels.begin());
    CHECK(same);
    for (size_t c = 0; c < alone.classes.size(); ++c) {
      CHECK(together[i].classes[c].pixels == alone.classes[c].pixels);
      CHECK(together[i].classes[c].mean_score == alone.classes[c].mean_score);
    }
  }
}

TEST_CASE("results go to the caller's memory, and nowhere else", "[session][device]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  const auto pixels = static_cast<size_t>(photo.width * photo.height);
  Session session(engine);
  const Segmentation expected = session.segment(photo.view(), *bank, tiny_options());
  // A guard on either side.
  std::vector<uint16_t> labels(pixels + 2, 0xabcd);
  std::vector<float> scores(pixels + 2, -7.0f);
  const PhotoRequest request{.photo = photo.view(),
                             .labels = std::span(labels).subspan(1, pixels),
                             .scores = std::span(scores).subspan(1, pixels)};
  for (int round = 0; round < 3; ++round) {
    std::fill(labels.begin() + 1, labels.end() - 1, uint16_t{0xffff});
    const auto found = session.segment({&request, 1}, *bank, tiny_options());
    CHECK(found[0].labels.empty());
    CHECK(found[0].scores.empty());
    CHECK(std::equal(expected.labels.begin(), expected.labels.end(), labels.begin() + 1));
    CHECK(std::equal(expected.scores.begin(), expected.scores.end(), scores.begin() + 1));
    CHECK((labels.front() == 0xabcd && labels.back() == 0xabcd));
    CHECK((scores.front() == -7.0f && scores.back() == -7.0f));
  }
  const PhotoRequest without{.photo = photo.view(), .with_scores = false};
  const auto found = session.segment({&without, 1}, *bank, tiny_options());
  CHECK(found[0].scores.empty());
  CHECK(found[0].labels == expected.labels);
}

namespace {

// An image that is handed out row by row, and may break off.
class ImageRows final : public PhotoRows {
 public:
  explicit ImageRows(const Image& image, int64_t rows = std::numeric_limits<int64_t>::max())
      : image_(image), rows_(rows) {}
  int width() const override { return image_.width; }
  int height() const override { return image_.height; }
  void read(uint8_t* rgb, int64_t count) override {
    if (next_ + count > rows_) fail(ErrorCode::kCorruptData, "no row ", rows_);
    std::memcpy(rgb, image_.view().row(next_), static_cast<size_t>(count * image_.view().row_bytes()));
    next_ += count;
  }
  int64_t handed_out() const { return next_; }

 private:
  const Image& image_;
  int64_t rows_, next_ = 0;
};

}  // namespace

TEST_CASE("a photo that comes row by row has the bits that it has as a whole", "[session][device]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  const std::vector<Image> images = photos();
  Session session(engine);
  SegmentOptions options = tiny_options();
  const bool refined = GENERATE(false, true);
  if (refined) options.refine.kind = Refinement::kPamr;
  for (const Image& image : images) {
    CAPTURE(image.width, image.height);
    const Segmentation expected = session.segment(image.view(), *bank, options);
    // Twice more where the first runs are to be recorded: rows and wholes must not share a recording.
    for (int round = 0; round < 3; ++round) {
      ImageRows rows(image);
      const PhotoRequest request{.rows = &rows};
      check_same(session.segment({&request, 1}, *bank, options)[0], expected);
      CHECK(rows.handed_out() == image.height);
      check_same(session.segment(image.view(), *bank, options), expected);
    }
  }
}

TEST_CASE("rows that break off end the call, and the session goes on", "[session][device]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  const std::vector<Image> images = photos();
  Session session(engine);
  const Segmentation expected = session.segment(images[0].view(), *bank, tiny_options());
  ImageRows broken(images[0], 5), whole(images[0]);
  const PhotoRequest bad{.rows = &broken}, both{.photo = images[0].view(), .rows = &whole};
  CHECK_THROWS_WITH(session.segment({&bad, 1}, *bank, tiny_options()), Catch::Contains("no row 5"));
  CHECK_THROWS_WITH(session.segment({&both, 1}, *bank, tiny_options()), Catch::Contains("give one"));
  check_same(session.segment(images[0].view(), *bank, tiny_options()), expected);
}

TEST_CASE("a session gives its memory back and goes on", "[session][device]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  const Image photo = load_image(kGoldens / "portrait.png", *testing::cpu_queue().pool);
  Session session(engine);
  const Segmentation expected = session.segment(photo.view(), *bank, tiny_options());
  const std::vector<float> embedding = session.embed_image(photo.view());
  for (int round = 0; round < 4; ++round) {
    if (round % 2 == 0) session.trim();
    check_same(session.segment(photo.view(), *bank, tiny_options()), expected);
    CHECK(session.embed_image(photo.view()) == embedding);
  }
}

TEST_CASE("a stop ends a call, and the session goes on", "[session][device]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  Session session(engine);
  const Segmentation expected = session.segment(photo.view(), *bank, tiny_options());
  std::stop_source source;
  source.request_stop();
  SegmentOptions refined = tiny_options();
  refined.refine.kind = Refinement::kPamr;
  for (const SegmentOptions& options : {tiny_options(), refined}) {
    try {
      session.segment(photo.view(), *bank, options, {}, {.stop = source.get_token(), .progress = {}});
      FAIL("the stop was not seen");
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::kCancelled);
    }
    check_same(session.segment(photo.view(), *bank, tiny_options()), expected);
  }
}

TEST_CASE("a call tells its progress, which never falls and ends at 1", "[session][device]") {
  // One thread and one window at a time: otherwise the caller's thread may have no window of its own.
  const auto engine =
      Engine::load(kGoldens / "tiny.sclip",
                   {.backend = {.device = testing::device_under_test(), .precision = Precision::kF32, .threads = 1}});
  const auto bank = bank_of(*engine);
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  Session session(engine);
  std::vector<double> shares;
  const RunControl control{.stop = {}, .progress = [&](double share) { shares.push_back(share); }};
  SegmentOptions options = tiny_options();
  options.window_batch = 1;
  const Segmentation found = session.segment(photo.view(), *bank, options, {}, control);
  REQUIRE(found.windows > 1);
  CHECK(shares.size() == static_cast<size_t>(found.windows) + 1);
  CHECK(std::is_sorted(shares.begin(), shares.end()));
  CHECK(shares.front() >= 0);
  CHECK(shares[shares.size() - 2] < 1);
  CHECK(shares.back() == 1);
}

TEST_CASE("an engine loads from bytes", "[session]") {
  const std::vector<std::byte> bytes = read_file(kGoldens / "tiny.sclip");
  const EngineOptions options{.backend = {.device = testing::device_under_test(), .precision = Precision::kF32}};
  const auto from_bytes = Engine::load(bytes, "in memory", options);
  const auto from_file = load_tiny();
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  Session a(from_bytes), b(from_file);
  check_same(a.segment(photo.view(), *bank_of(*from_bytes), tiny_options()),
             b.segment(photo.view(), *bank_of(*from_file), tiny_options()));
  CHECK_THROWS_WITH(Engine::load(std::span(bytes).first(100), "in memory", options), Contains("in memory"));
}

TEST_CASE("a session refuses the bank of another engine", "[session]") {
  const auto engine = load_tiny(), other = load_tiny();
  const auto bank = bank_of(*other);
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  Session session(engine);
  CHECK_THROWS_WITH(session.segment(photo.view(), *bank, tiny_options()), Contains("another engine"));
  CHECK_THROWS_WITH(classify(session, photo.view(), *bank), Contains("another engine"));
}

TEST_CASE("pixels below the threshold get the ignored label, and nothing else changes", "[session][device]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  Session session(engine);
  for (const auto refine : {Refinement::kNone, Refinement::kPamr, Refinement::kPearl}) {
    for (const std::optional<float> area : {std::optional<float>{}, std::optional<float>{0.3f}}) {
      CAPTURE(static_cast<int>(refine), area.value_or(-1));
      SegmentOptions options = tiny_options();
      options.refine.kind = refine;
      options.area_thd = area;
      const Segmentation plain = session.segment(photo.view(), *bank, options);
      std::vector<float> sorted = plain.scores;
      std::sort(sorted.begin(), sorted.end());
      options.prob_thd = sorted[sorted.size() / 3];  // some are below, some are not
      const Segmentation zero = session.segment(photo.view(), *bank, options);
      CHECK(zero.ignored.pixels == 0);
      options.ignore_label = 255;
      // Twice more: on a device the second run is recorded, and the third replays it.
      for (int run = 0; run < 3; ++run) {
        const Segmentation s = session.segment(photo.view(), *bank, options);
        CHECK(s.scores == plain.scores);
        int64_t ignored = 0;
        double sum = 0;
        for (size_t i = 0; i < s.labels.size(); ++i) {
          const bool low = plain.scores[i] < options.prob_thd;
          REQUIRE(s.labels[i] == (low ? 255 : plain.labels[i]));
          ignored += low ? 1 : 0;
          sum += low ? double{plain.scores[i]} : 0;
        }
        REQUIRE(ignored > 0);
        REQUIRE(s.classes.size() == 3);
        CHECK(s.ignored.pixels == ignored);
        // Scores are added up in multiples of 2^-30.
        CHECK(std::abs(s.ignored.mean_score - sum / static_cast<double>(ignored)) <= 0x1p-30);
        CHECK(s.ignored.max_score < options.prob_thd);
        CHECK(zero.classes[0].pixels == s.classes[0].pixels + ignored);
      }
    }
  }
  for (const auto& [label, sentence] : {std::pair{2, "that is the class 'tree': take one from 3 on"},
                                        std::pair{-1, "it must lie in 0…65535"}, std::pair{65536, "0…65535"}}) {
    SegmentOptions options = tiny_options();
    options.ignore_label = label;
    CHECK_THROWS_WITH(session.segment(photo.view(), *bank, options), Contains(sentence));
  }
}

TEST_CASE("a photo's size for the model is told", "[session]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  Session session(engine);
  SegmentOptions options = tiny_options();
  const Segmentation free = session.segment(photo.view(), *bank, options);
  CHECK(free.resized_height == 48);
  CHECK(free.resized_width == static_cast<int>(photo.width * 48.0 / photo.height + 0.5));
  options.long_limit = 50;
  const Segmentation held = session.segment(photo.view(), *bank, options);
  CHECK(held.resized_width == 50);
  CHECK(held.resized_height == static_cast<int>(photo.height * 50.0 / photo.width + 0.5));
}

TEST_CASE("classify uses the scale that the model learned, or the one given", "[session]") {
  const auto engine = load_tiny();
  const auto bank = bank_of(*engine);
  const Image photo = load_image(kGoldens / "landscape.png", *testing::cpu_queue().pool);
  Session session(engine);
  const auto learned = classify(session, photo.view(), *bank);
  CHECK(learned == classify(session, photo.view(), *bank, engine->config().logit_scale));
  // One query a class, so that probabilities tell the cosines' differences.
  const auto words = make_text_bank(*engine, parse_class_argument("sky; tree"), {.templates = {"{}"}});
  const auto ratio = [&](float scale) {
    const auto p = classify(session, photo.view(), *words, scale);
    CHECK(std::abs(p[0] + p[1] - 1) < 1e-6);
    return std::log(double{p[0]} / double{p[1]});
  };
  CHECK(ratio(0) == 0);
  // A probability in f32 is off by 2^-24 of itself.
  CHECK(std::abs(ratio(20) - 2 * ratio(10)) < 1e-6);
  CHECK_THROWS_WITH(classify(session, photo.view(), *bank, -1.f), Contains("the logit scale is -1"));
  CHECK_THROWS_WITH(classify(session, photo.view(), *bank, NAN), Contains("the logit scale is nan"));
}

TEST_CASE("options that cannot work are refused at the border, with what to do", "[session]") {
  const auto engine = load_tiny();
  const ModelConfig& model = engine->config();
  const auto refuses = [&](auto&& change, const std::string& sentence) {
    SegmentOptions options = tiny_options();
    change(options);
    CHECK_THROWS_WITH(validate(options, model), Contains(sentence));
  };
  CHECK_NOTHROW(validate(tiny_options(), model));
  refuses([](SegmentOptions& o) { o.short_side = 0; }, "short side 0");
  refuses([](SegmentOptions& o) { o.long_limit = -1; }, "long limit -1");
  refuses([](SegmentOptions& o) { o.short_side = 1 << 20; }, "short side 1048576");
  refuses([](SegmentOptions& o) { o.crop = -1; }, "the crop is -1");
  refuses([](SegmentOptions& o) { o.crop = 7; }, "use a larger crop");
  refuses([](SegmentOptions& o) { o.stride = 0; }, "the stride is 0");
  refuses([](SegmentOptions& o) { o.stride = 33; }, "leave no gaps");
  refuses([](SegmentOptions& o) { o.window_batch = -1; }, "the window batch is -1");
  refuses([](SegmentOptions& o) { o.logit_scale = 0; }, "the logit scale is 0");
  refuses([](SegmentOptions& o) { o.logit_scale = NAN; }, "the logit scale is nan");
  refuses([](SegmentOptions& o) { o.logit_scale = std::numeric_limits<float>::infinity(); }, "the logit scale is inf");
  refuses([](SegmentOptions& o) { o.prob_thd = 1.5f; }, "the probability threshold is 1.5");
  refuses([](SegmentOptions& o) { o.prob_thd = NAN; }, "the probability threshold is nan");
  refuses([](SegmentOptions& o) { o.area_thd = -0.1f; }, "the area threshold is -0.1");
  refuses([](SegmentOptions& o) { o.area_thd = NAN; }, "the area threshold is nan");
  refuses([](SegmentOptions& o) { o.policy = "slcip"; }, "sclip");
  refuses([](SegmentOptions& o) { o.temperature = 0; }, "the temperature is 0");
  refuses([](SegmentOptions& o) { o.temperature = -1; }, "the temperature is -1");
  refuses([](SegmentOptions& o) { o.temperature = NAN; }, "the temperature is nan");
  refuses([](SegmentOptions& o) { o.temperature = std::numeric_limits<float>::infinity(); }, "the temperature is inf");
  refuses([](SegmentOptions& o) { o.refine = {.kind = Refinement::kPamr, .iterations = -1}; }, "iterations");
  refuses([](SegmentOptions& o) { o.refine = {.kind = Refinement::kPamr, .dilations = {40, 0}}; }, "dilation");
  refuses([](SegmentOptions& o) { o.refine = {.kind = Refinement::kPearl, .cells = 0}; }, "cells");

  const std::vector<uint8_t> pixels(12);
  std::vector<uint16_t> labels(5);
  CHECK_THROWS_WITH(validate(PhotoRequest{.photo = {pixels.data(), 2, 2}, .labels = labels}, 3),
                    Contains("labels of a photo of 2×2 pixels has 5 elements; it must have 4"));
  std::vector<float> floats(4);
  CHECK_NOTHROW(validate(PhotoRequest{.photo = {pixels.data(), 2, 2}, .scores = floats}, 3));
  CHECK_THROWS_WITH(validate(PhotoRequest{.photo = {pixels.data(), 2, 2}, .logits = floats}, 3),
                    Contains("it must have 12"));
  CHECK_THROWS_AS(validate(PhotoRequest{.photo = {nullptr, 2, 2}}, 3), Error);
}
