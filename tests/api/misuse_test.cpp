// Every misuse of the C library is a status with a sentence, and changes nothing.
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "sclip/sclip.h"
#include "tests/catch.h"

using Catch::Contains;

namespace {

const std::string kDemo = std::string(SCLIP_SOURCE_DIR) + "/weights/demo/demo-clip.sclip";

// One of each, and a photo of noise.
struct Handles {
  sclip_engine* engine = nullptr;
  sclip_bank* bank = nullptr;
  sclip_session* session = nullptr;
  std::vector<uint8_t> pixels = std::vector<uint8_t>(3 * 60 * 40, 77);
  std::vector<uint16_t> mask = std::vector<uint16_t>(60 * 40, 9999);
  sclip_image image{pixels.data(), 60, 40, 0, SCLIP_RGB};
  sclip_output output{};

  Handles() {
    sclip_engine_options options{};
    REQUIRE(sclip_engine_options_init(&options, sizeof(options)) == SCLIP_OK);
    options.device = "cpu";
    options.threads = 1;
    REQUIRE(sclip_engine_load(kDemo.c_str(), &options, &engine) == SCLIP_OK);
    REQUIRE(sclip_bank_from_text(engine, "sky; tree", nullptr, nullptr, &bank) == SCLIP_OK);
    REQUIRE(sclip_session_create(engine, &session) == SCLIP_OK);
    REQUIRE(sclip_output_init(&output, sizeof(output)) == SCLIP_OK);
    output.mask16 = mask.data();
  }
  ~Handles() {
    sclip_session_free(session);
    sclip_bank_free(bank);
    sclip_engine_free(engine);
  }
  sclip_status segment(const sclip_segment_options* options = nullptr) {
    return sclip_session_segment(session, bank, options, &image, &output, 1, nullptr);
  }
  sclip_segment_options options() const {
    sclip_segment_options out{};
    REQUIRE(sclip_segment_options_init(engine, &out, sizeof(out)) == SCLIP_OK);
    return out;
  }
};

void expect(sclip_status found, sclip_status expected, const char* words) {
  CHECK(found == expected);
  CHECK_THAT(std::string(sclip_last_error()), Contains(words));
}

}  // namespace

TEST_CASE("NULL where something is needed", "[api]") {
  Handles h;
  sclip_engine* engine = nullptr;
  sclip_bank* bank = nullptr;
  sclip_session* session = nullptr;
  expect(sclip_engine_load(nullptr, nullptr, &engine), SCLIP_INVALID_ARGUMENT, "path is NULL");
  expect(sclip_engine_load(kDemo.c_str(), nullptr, nullptr), SCLIP_INVALID_ARGUMENT,
         "the place for the engine is NULL");
  expect(sclip_engine_load_bytes(nullptr, 10, "x", 0, nullptr, &engine), SCLIP_INVALID_ARGUMENT, "bytes is NULL");
  expect(sclip_bank_from_text(h.engine, nullptr, nullptr, nullptr, &bank), SCLIP_INVALID_ARGUMENT, "classes is NULL");
  expect(sclip_bank_from_text(nullptr, "sky", nullptr, nullptr, &bank), SCLIP_INVALID_ARGUMENT, "the engine is NULL");
  expect(sclip_session_create(nullptr, &session), SCLIP_INVALID_ARGUMENT, "the engine is NULL");
  expect(sclip_session_segment(h.session, nullptr, nullptr, &h.image, &h.output, 1, nullptr), SCLIP_INVALID_ARGUMENT,
         "the bank is NULL");
  expect(sclip_session_segment(h.session, h.bank, nullptr, nullptr, &h.output, 1, nullptr), SCLIP_INVALID_ARGUMENT,
         "images is NULL");
  expect(sclip_session_segment(h.session, h.bank, nullptr, &h.image, nullptr, 1, nullptr), SCLIP_INVALID_ARGUMENT,
         "outputs is NULL");
  h.image.pixels = nullptr;
  expect(h.segment(), SCLIP_INVALID_ARGUMENT, "image 0");
  const char* const names[] = {"sky", nullptr};
  const int32_t classes[] = {0, 1};
  expect(sclip_bank_from_queries(h.engine, names, classes, 2, names, 2, nullptr, nullptr, &bank),
         SCLIP_INVALID_ARGUMENT, "class name 1 is NULL");
  CHECK(bank == nullptr);
  CHECK(h.mask == std::vector<uint16_t>(60 * 40, 9999));
  CHECK(sclip_session_segment(h.session, h.bank, nullptr, nullptr, nullptr, 0, nullptr) == SCLIP_OK);  // nothing to do
}

TEST_CASE("precisions that the device does not have, or that are none", "[api]") {
  sclip_engine* engine = nullptr;
  sclip_engine_options options{};
  REQUIRE(sclip_engine_options_init(&options, sizeof(options)) == SCLIP_OK);
  options.device = "cpu";
  options.precision = SCLIP_PRECISION_FP8;
  expect(sclip_engine_load(kDemo.c_str(), &options, &engine), SCLIP_UNSUPPORTED, "does not compute in fp8");
  options.precision = SCLIP_PRECISION_FP8 + 1;
  expect(sclip_engine_load(kDemo.c_str(), &options, &engine), SCLIP_INVALID_ARGUMENT, "none of SCLIP_PRECISION_");
  CHECK(engine == nullptr);
}

TEST_CASE("handles that were freed, are of another kind, or are none", "[api]") {
  Handles h;
  sclip_bank* bank = nullptr;
  REQUIRE(sclip_bank_from_text(h.engine, "sky; tree", nullptr, nullptr, &bank) == SCLIP_OK);
  REQUIRE(sclip_bank_free(bank) == SCLIP_OK);
  expect(sclip_bank_free(bank), SCLIP_INVALID_ARGUMENT, "the bank was freed before");
  // Also after others were made, whose memory may be the same.
  sclip_bank* later = nullptr;
  REQUIRE(sclip_bank_from_text(h.engine, "sky; tree", nullptr, nullptr, &later) == SCLIP_OK);
  size_t classes = 0;
  expect(sclip_bank_class_count(bank, &classes), SCLIP_INVALID_ARGUMENT, "freed before");
  CHECK(sclip_bank_class_count(later, &classes) == SCLIP_OK);
  CHECK(sclip_bank_free(later) == SCLIP_OK);
  auto* const as_session = reinterpret_cast<sclip_session*>(h.bank);
  expect(sclip_session_trim(as_session), SCLIP_INVALID_ARGUMENT, "another kind: bank");
  expect(sclip_session_free(as_session), SCLIP_INVALID_ARGUMENT, "another kind");
  int somewhere = 0;
  expect(sclip_session_trim(reinterpret_cast<sclip_session*>(&somewhere)), SCLIP_INVALID_ARGUMENT,
         "no handle of this library");
  CHECK(h.segment() == SCLIP_OK);
}

TEST_CASE("structures of another size", "[api]") {
  Handles h;
  sclip_segment_options options = h.options();
  options.struct_size = 4;
  expect(h.segment(&options), SCLIP_INVALID_ARGUMENT, "struct_size is 4");
  options.struct_size = sizeof(options) + 8;
  expect(h.segment(&options), SCLIP_UNSUPPORTED, "newer sclip");
  options.struct_size = sizeof(options);
  CHECK(h.segment(&options) == SCLIP_OK);
  h.output.struct_size = 0;
  expect(h.segment(), SCLIP_INVALID_ARGUMENT, "sclip_output");
  sclip_engine_options engine_options{};
  expect(sclip_engine_options_init(&engine_options, 3), SCLIP_INVALID_ARGUMENT, "struct_size is 3");
  expect(sclip_engine_options_init(nullptr, sizeof(engine_options)), SCLIP_INVALID_ARGUMENT,
         "sclip_engine_options is NULL");
}

TEST_CASE("values that can never work", "[api]") {
  Handles h;
  const auto refused = [&](auto change, const char* words) {
    sclip_segment_options options = h.options();
    change(options);
    expect(h.segment(&options), SCLIP_INVALID_ARGUMENT, words);
  };
  refused([](auto& o) { o.policy = "sclp"; }, "did you mean 'sclip'");
  refused([](auto& o) { o.policy = nullptr; }, "policy is NULL");
  refused([](auto& o) { o.crop = -1; }, "crop");
  refused([](auto& o) { o.stride = 0; }, "stride");
  refused([](auto& o) { o.temperature = 0; }, "temperature");
  refused([](auto& o) { o.logit_scale = std::numeric_limits<float>::quiet_NaN(); }, "logit scale");
  refused([](auto& o) { o.area_thd = std::numeric_limits<float>::quiet_NaN(); }, "area");
  refused([](auto& o) { o.ignore_label = 1; }, "tree");
  refused([](auto& o) { o.ignore_label = -7; }, "ignore_label is -7");
  refused([](auto& o) { o.refine = 9; }, "SCLIP_REFINE_");
  h.image.order = 17;
  expect(h.segment(), SCLIP_INVALID_ARGUMENT, "order is 17");
  h.image.order = SCLIP_RGB;
  h.image.row_stride = 5;
  expect(h.segment(), SCLIP_INVALID_ARGUMENT, "image 0");
  h.image.row_stride = 0;
  h.image.width = -3;
  expect(h.segment(), SCLIP_INVALID_ARGUMENT, "image 0");
  sclip_segment_options options = h.options();
  expect(sclip_segment_options_use(&options, "voc22"), SCLIP_INVALID_ARGUMENT, "voc2");
  CHECK(sclip_segment_options_use(&options, "voc21") == SCLIP_OK);
  CHECK((options.short_side == 336 && options.crop == 224 && options.stride == 112));
  CHECK((options.logit_scale == 65.f && options.prob_thd == 0.1f && options.area_thd == 0.1f));
  sclip_engine* engine = nullptr;
  expect(sclip_engine_load("/no/such/model.sclip", nullptr, &engine), SCLIP_NOT_FOUND, "/no/such/model.sclip");
  const char junk[100] = "this is no model";
  expect(sclip_engine_load_bytes(junk, sizeof(junk), "junk", 0, nullptr, &engine), SCLIP_CORRUPT_DATA, "junk");
  CHECK(engine == nullptr);
}

TEST_CASE("a bank and features of another engine", "[api]") {
  Handles one, two;
  expect(sclip_session_segment(one.session, two.bank, nullptr, &one.image, &one.output, 1, nullptr),
         SCLIP_INVALID_ARGUMENT, "engine");
  sclip_features* features = nullptr;
  REQUIRE(sclip_session_read(two.session, &two.image, nullptr, nullptr, &features) == SCLIP_OK);
  expect(sclip_session_segment_features(one.session, features, one.bank, nullptr, &one.output), SCLIP_INVALID_ARGUMENT,
         "another engine");
  sclip_segment_options options = two.options();
  options.refine = SCLIP_REFINE_PAMR;
  expect(sclip_session_segment_features(two.session, features, two.bank, &options, &two.output), SCLIP_UNSUPPORTED,
         "pamr looks at the photo");
  CHECK(sclip_session_segment_features(two.session, features, two.bank, nullptr, &two.output) == SCLIP_OK);
  float few[3];
  expect(sclip_features_values(two.session, features, nullptr, nullptr, nullptr, few, 3), SCLIP_INVALID_ARGUMENT,
         "holds 3 floats");
  CHECK(sclip_features_free(features) == SCLIP_OK);
}

TEST_CASE("mask8 refuses labels that it cannot hold", "[api]") {
  Handles h;
  std::vector<uint8_t> mask(60 * 40);
  h.output.mask8 = mask.data();
  sclip_segment_options options = h.options();
  options.prob_thd = 1;
  options.ignore_label = 300;
  expect(h.segment(&options), SCLIP_INVALID_ARGUMENT, "use mask16");
  options.ignore_label = 255;
  REQUIRE(h.segment(&options) == SCLIP_OK);
  CHECK(mask == std::vector<uint8_t>(60 * 40, 255));
  CHECK(h.mask == std::vector<uint16_t>(60 * 40, 255));
}

TEST_CASE("an error belongs to its thread, and stays until the next one", "[api]") {
  Handles h;
  expect(sclip_session_trim(nullptr), SCLIP_INVALID_ARGUMENT, "sclip_session_trim: the session is NULL");
  CHECK(h.segment() == SCLIP_OK);
  CHECK_THAT(std::string(sclip_last_error()), Contains("the session is NULL"));
  for (sclip_status s = 0; s <= SCLIP_BUSY + 1; ++s) CHECK(std::strlen(sclip_status_name(s)) > 0);
}
