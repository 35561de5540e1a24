#include "sclip/segment_config.h"

#include "backends/backend.h"
#include "sclip/error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

using Catch::Matchers::Contains;

// As the converter writes it for ViT-L/14@336.
ModelConfig large_model() {
  ModelConfig model;
  model.preprocess.crop = 336;
  model.preprocess.stride = 168;
  model.preprocess.short_side = 448;
  return model;
}

TEST_CASE("config: the published windows count, not those of the model", "[segment_config]") {
  for (const NamedConfig& named : named_configs()) {
    const SegmentOptions options = resolve({.config = std::string(named.name)}, large_model());
    CHECK(options.crop == 224);  // docs/numerics.md: one size of window for all
    CHECK(options.stride == 112);
  }
  const SegmentOptions voc = resolve({.config = "voc21"}, large_model());
  CHECK(voc.short_side == 336);
  CHECK(voc.logit_scale == 65.f);
  CHECK(voc.prob_thd == 0.1f);
  CHECK(voc.area_thd == 0.1f);
}

TEST_CASE("config: what is given goes before the configuration, that before the model, that before the defaults",
          "[segment_config]") {
  const SegmentOptions model = resolve({}, large_model());
  CHECK((model.crop == 336 && model.stride == 168 && model.short_side == 448 && model.logit_scale == 40.f));
  ModelConfig silent;  // crop 0 says: the whole photo
  CHECK(resolve({}, silent) == SegmentOptions{.crop = 0});

  SegmentRequest request{.config = "voc21"};
  request.crop = 0;
  request.short_side = 100;
  request.prob_thd = 0.f;
  const SegmentOptions given = resolve(request, large_model());
  CHECK((given.crop == 0 && given.short_side == 100 && given.prob_thd == 0.f));
  CHECK((given.stride == 112 && given.logit_scale == 65.f));
}

TEST_CASE("config: names that do not exist are refused with those that do", "[segment_config]") {
  CHECK_THROWS_WITH(resolve({.config = "voc99"}, {}), Contains("voc99") && Contains("voc21"));
  CHECK_THROWS_WITH(resolve({.policy = "magic"}, {}), Contains("magic") && Contains("maskclip"));
  CHECK_THROWS_WITH(resolve({.refine = "magic"}, {}), Contains("magic") && Contains("pamr"));
  CHECK_THROWS_WITH(parse_precision("f8"), Contains("f8") && Contains("bf16"));
}

TEST_CASE("config: a refinement", "[segment_config]") {
  CHECK(resolve({}, {}).refine == Refinement{});
  SegmentRequest request{.refine = "pamr"};
  CHECK(resolve(request, {}).refine == Refinement{.kind = Refinement::kPamr, .iterations = 10, .dilations = {8, 16}});
  request.refine_iterations = 0;
  request.refine_dilations = {32};
  CHECK(resolve(request, {}).refine == Refinement{.kind = Refinement::kPamr, .iterations = 0, .dilations = {32, 0}});
  request = {.refine = "pearl"};
  CHECK(resolve(request, {}).refine == Refinement{.kind = Refinement::kPearl, .iterations = 25, .cells = 80});
  request.refine_iterations = 7;
  request.refine_cells = 224;
  CHECK(resolve(request, {}).refine == Refinement{.kind = Refinement::kPearl, .iterations = 7, .cells = 224});
  CHECK(resolve(request, {}) != resolve({}, {}));

  const auto refused = [](SegmentRequest r, const char* part) { CHECK_THROWS_WITH(resolve(r, {}), Contains(part)); };
  refused({.refine = "pamr", .refine_iterations = -1}, "-1");
  refused({.refine = "pamr", .refine_dilations = {33}}, "33");
  refused({.refine = "pamr", .refine_dilations = {0}}, "0");
  refused({.refine = "pamr", .refine_dilations = {8, 0}}, "0");
  refused({.refine = "pamr", .refine_dilations = {8, -1}}, "-1");
  refused({.refine = "pamr", .refine_dilations = {1, 2, 3}}, "one or two");
  refused({.refine_iterations = 3}, "pamr");
  refused({.refine = "pearl", .refine_dilations = {3}}, "pamr");
  refused({.refine = "pamr", .refine_cells = 80}, "pearl");
  refused({.refine = "pearl", .refine_cells = 0}, "1024");
  refused({.refine = "pearl:50"}, "pearl:50");
  refused({.refine_dilations = {3}}, "pamr");
}

TEST_CASE("config: a precision is called by what the backend computes in", "[segment_config]") {
  CHECK(to_string(precision_of(DType::kF32)) == "f32");
  CHECK(to_string(precision_of(DType::kBF16)) == "bf16");
  CHECK(to_string(precision_of(DType::kF16)) == "f16");
  CHECK_THROWS_AS(precision_of(DType::kU8), Error);
  for (const char* name : {"auto", "f32", "bf16", "f16", "fp8"}) CHECK(to_string(parse_precision(name)) == name);
}

TEST_CASE("config: words that a model with a closed vocabulary does not know", "[segment_config]") {
  ModelConfig model;
  const ClassList classes =
      ClassList::from_queries({"Sky", "quokka"}, {"Sky", "quokka", "quoll", "quokka"}, {0, 1, 1, 1});
  CHECK_FALSE(unknown_words_warning(model, classes));
  model.known_words = {"sky"};
  CHECK(unknown_words(model, classes) == std::vector<std::string>{"quokka", "quoll"});
  CHECK_THAT(*unknown_words_warning(model, classes), Contains("1 word,") && Contains("'quokka', 'quoll' are"));
}

}  // namespace
}  // namespace sclip
