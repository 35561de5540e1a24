// Threads of a host: sessions of their own over one engine, a session that is handed around, one that is used twice at
// once.
#include <atomic>
#include <cstring>
#include <thread>

#include "sclip/sclip.hpp"
#include "tests/catch.h"

namespace {

const std::string kDemoModel = std::string(SCLIP_SOURCE_DIR) + "/weights/demo/demo-clip.sclip";

sclip::Engine load() {
  return sclip::Engine(kDemoModel, {.device = "cpu", .precision = SCLIP_PRECISION_F32, .threads = 2});
}

struct Noise {
  std::vector<uint8_t> pixels;
  sclip::Image image;
  explicit Noise(unsigned seed) : pixels(3 * 90 * 70) {
    uint32_t state = seed * 747796405u + 1;
    for (uint8_t& p : pixels) p = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
    image = {.pixels = pixels.data(), .width = 90, .height = 70};
  }
};

// Few windows: it is what threads share that is looked at.
sclip_segment_options few_windows(const sclip::Session& session) {
  sclip_segment_options options = session.options();
  options.short_side = 112;
  return options;
}

}  // namespace

TEST_CASE("eight threads with sessions of their own get what one thread gets", "[api][threads]") {
  const sclip::Engine engine = load();
  const sclip::Bank bank(engine, "sky; tree; road");
  std::vector<std::vector<uint16_t>> expected;
  {
    sclip::Session session(engine);
    for (unsigned i = 0; i < 8; ++i) {
      const sclip::Result r = session.segment(Noise(i).image, bank, few_windows(session));
      expected.emplace_back(r.labels().begin(), r.labels().end());
    }
  }
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      sclip::Session session(engine);
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned photo = (t + i) % 8;
        const sclip::Result r = session.segment(Noise(photo).image, bank, few_windows(session));
        if (!std::equal(r.labels().begin(), r.labels().end(), expected[photo].begin(), expected[photo].end())) ++wrong;
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}

TEST_CASE("a second thread in a session is refused, and the first one's call is right", "[api][threads]") {
  const sclip::Engine engine = load();
  const sclip::Bank bank(engine, "sky; tree; road");
  sclip::Session session(engine);
  const Noise photo(3);
  const sclip::Result expected = session.segment(photo.image, bank);
  // The second call comes while the first one tells its progress.
  sclip_status second = SCLIP_OK;
  std::string sentence;
  const sclip::Result found = session.segment(photo.image, bank, {.progress = [&](double) {
                                                std::thread([&] {
                                                  second = sclip_session_trim(session.get());
                                                  sentence = sclip_last_error();
                                                }).join();
                                              }});
  CHECK(second == SCLIP_BUSY);
  CHECK(sentence.find("one thread at a time") != std::string::npos);
  CHECK(std::equal(found.labels().begin(), found.labels().end(), expected.labels().begin(), expected.labels().end()));
  CHECK(std::string(sclip_last_error()).find("one thread") == std::string::npos);  // that was the other thread's
}

TEST_CASE("handles freed by another thread while they are used live until the call ends", "[api][threads]") {
  for (int round = 0; round < 5; ++round) {
    sclip_engine_options options{};
    REQUIRE(sclip_engine_options_init(&options, sizeof(options)) == SCLIP_OK);
    options.device = "cpu";
    options.threads = 2;
    sclip_engine* engine = nullptr;
    sclip_bank* bank = nullptr;
    sclip_session* session = nullptr;
    REQUIRE(sclip_engine_load(kDemoModel.c_str(), &options, &engine) == SCLIP_OK);
    REQUIRE(sclip_bank_from_text(engine, "sky; tree; road", nullptr, nullptr, &bank) == SCLIP_OK);
    REQUIRE(sclip_session_create(engine, &session) == SCLIP_OK);
    const Noise photo(7);
    const sclip_image image = photo.image.c();
    std::vector<uint16_t> mask(90 * 70, 7);
    sclip_output output{};
    REQUIRE(sclip_output_init(&output, sizeof(output)) == SCLIP_OK);
    output.mask16 = mask.data();
    struct Freed {
      sclip_engine* engine;
      sclip_bank* bank;
      sclip_session* session;
    } freed{engine, bank, session};
    sclip_control control{};
    REQUIRE(sclip_control_init(&control, sizeof(control)) == SCLIP_OK);
    control.user = &freed;
    control.progress = [](double, void* user) {
      std::thread([f = static_cast<Freed*>(user)] {
        sclip_engine_free(f->engine);
        sclip_bank_free(f->bank);
        sclip_session_free(f->session);
      }).join();
    };
    REQUIRE(sclip_session_segment(session, bank, nullptr, &image, &output, 1, &control) == SCLIP_OK);
    for (const uint16_t label : mask) REQUIRE(label < 3);
    CHECK(sclip_session_free(session) == SCLIP_INVALID_ARGUMENT);
  }
}
