// The steady state of a program that segments photo after photo of one size into memory of its own: the library asks
// for no memory and starts no thread. What remains is oneDNN's, which makes a list of its arguments within each
// product.
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "sclip/sclip.h"
#include "tests/catch.h"
#include "tests/steady/allocation_watch.h"

namespace {

using sclip::testing::Allocations;
using sclip::testing::AllocationWatch;

void need(sclip_status status) {
  INFO(sclip_last_error());
  REQUIRE(status == SCLIP_OK);
}

// Frees what the library gave.
struct Model {
  sclip_engine* engine = nullptr;
  sclip_bank* bank = nullptr;
  sclip_session* session = nullptr;

  Model(int32_t precision, int threads) {
    const std::string path = (std::filesystem::path(SCLIP_SOURCE_DIR) / "tests/data/goldens/tiny.sclip").string();
    sclip_engine_options options;
    need(sclip_engine_options_init(&options, sizeof options));
    options.device = "cpu";
    options.precision = precision;
    options.threads = threads;
    need(sclip_engine_load(path.c_str(), &options, &engine));
    const char* template_ = "{}";
    sclip_bank_options words;
    need(sclip_bank_options_init(&words, sizeof words));
    words.templates = &template_;
    words.template_count = 1;
    need(sclip_bank_from_text(engine, "sky; building, house; tree", &words, nullptr, &bank));
    need(sclip_session_create(engine, &session));
  }
  ~Model() {
    sclip_session_free(session);
    sclip_bank_free(bank);
    sclip_engine_free(engine);
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
};

struct Photo {
  static constexpr int kWidth = 83, kHeight = 61;
  static constexpr size_t kPixels = size_t{kWidth} * kHeight;
  std::vector<uint8_t> rgb = std::vector<uint8_t>(3 * kPixels);
  std::vector<uint16_t> mask = std::vector<uint16_t>(kPixels);
  std::vector<uint8_t> narrow_mask = std::vector<uint8_t>(kPixels);
  std::vector<float> scores = std::vector<float>(kPixels);
  std::vector<sclip_class_statistics> classes = std::vector<sclip_class_statistics>(3);

  explicit Photo(unsigned seed) {
    std::mt19937 random(seed);
    for (uint8_t& value : rgb) value = static_cast<uint8_t>(random());
  }
  sclip_image image() const {
    sclip_image out{};
    out.pixels = rgb.data();
    out.width = kWidth;
    out.height = kHeight;
    out.row_stride = 3 * kWidth;
    out.order = SCLIP_RGB;
    return out;
  }
  sclip_output output() {
    sclip_output out;
    need(sclip_output_init(&out, sizeof out));
    out.mask8 = narrow_mask.data();
    out.mask16 = mask.data();
    out.scores = scores.data();
    out.classes = classes.data();
    return out;
  }
};

sclip_segment_options options_for(const Model& model, const char* policy) {
  sclip_segment_options out;
  need(sclip_segment_options_init(model.engine, &out, sizeof out));
  out.policy = policy;
  out.short_side = 48;
  out.crop = 32;
  out.stride = 16;
  return out;
}

// Of four calls, once they have settled: which thread takes which window is chance, and its first one makes memory.
// What every call asks for never settles.
template <typename Call>
Allocations steady(const Call& call) {
  Allocations seen;
  for (int round = 0; round < 20; ++round) {
    AllocationWatch watch;
    for (int i = 0; i < 4; ++i) call();
    seen = watch.stop();
    if (seen.count == seen.onednn && seen.threads == 0) break;
  }
  return seen;
}

void check_none_but_onednn(const Allocations& seen) {
  for (const std::string& frames : seen.others) UNSCOPED_INFO("memory was asked for here:\n" << frames);
  CHECK(seen.count == seen.onednn);
  CHECK(seen.threads == 0);
  // With -s, or beside a failure: where oneDNN's own come from, in four calls.
  for (const auto& [function, count] : seen.onednn_calls) UNSCOPED_INFO(count << " in " << function);
  CHECK(seen.onednn_calls.size() <= 2);
}

}  // namespace

TEST_CASE("the watch sees allocations, threads' too, and threads", "[steady]") {
  AllocationWatch watch;
  static void* volatile kept = nullptr;  // an unused allocation may be left out by the compiler
  kept = std::malloc(100);
  std::free(kept);
  const Allocations here = watch.stop();
  CHECK(here.count == 1);
  CHECK(here.onednn == 0);
  CHECK(here.threads == 0);
  REQUIRE(here.others.size() == 1);
  CHECK(here.others[0].find("sclip_steady_tests") != std::string::npos);

  AllocationWatch again;
  std::thread([] {
    kept = new int(3);
    delete static_cast<int*>(kept);
  }).join();
  const Allocations there = again.stop();
  CHECK(there.threads == 1);
  CHECK(there.count >= 2);  // the thread's state, and the number
}

TEST_CASE("segmenting into the caller's memory asks for none", "[steady]") {
  // Of each program that reads the tower out; policies of the same one differ in numbers. rf-clip lists what it needs
  // anew for each photo.
  const char* policy = GENERATE("sclip", "maskclip", "naclip:sigma=3.25", "random", "hardmax", "layer-2", "gem",
                                "surgery", "cliptrase", "sc-clip", "dih-clip", "sfp", "pearl", "resclip");
  const int threads = 2;
  const int32_t precision =
      GENERATE(int32_t{SCLIP_PRECISION_F32}, int32_t{SCLIP_PRECISION_AUTO});  // bf16 where there is it
  CAPTURE(policy, threads, precision);
  Model model(precision, threads);
  const sclip_segment_options options = options_for(model, policy);
  Photo one(1), two(2);
  const sclip_image images[] = {one.image(), two.image()};
  sclip_output outputs[] = {one.output(), two.output()};
  const auto segment = [&](size_t photos) {
    if (sclip_session_segment(model.session, model.bank, &options, images, outputs, photos, nullptr) != SCLIP_OK)
      std::abort();
  };
  check_none_but_onednn(steady([&] { segment(1); }));
  check_none_but_onednn(steady([&] { segment(2); }));
}

TEST_CASE("new words for a photo that was read ask for no memory", "[steady]") {
  Model model(SCLIP_PRECISION_F32, 2);
  const sclip_segment_options options = options_for(model, "sclip");
  Photo photo(1);
  const sclip_image image = photo.image();
  sclip_features* features = nullptr;
  need(sclip_session_read(model.session, &image, &options, nullptr, &features));
  sclip_output output = photo.output();
  check_none_but_onednn(steady([&] {
    if (sclip_session_segment_features(model.session, features, model.bank, &options, &output) != SCLIP_OK)
      std::abort();
  }));
  sclip_features_free(features);
}
