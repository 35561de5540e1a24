// SC-CLIP, DIH-CLIP and SFP: which blocks they read, and what they refuse. Their numbers:
// tests/python/test_parity_read_outs.py.
#include "engine/dense_head/self_calibrated.h"

#include "sclip/engine.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/dut.h"

using namespace sclip;

namespace {

std::vector<int> depths(int blocks) {
  const CalibrationDepths d = CalibrationDepths::of(blocks);
  return {d.early, d.late, d.sum_first, d.sum_last};
}

}  // namespace

TEST_CASE("the calibrated read-outs read the published blocks, and elsewhere those as deep", "[engine]") {
  CHECK(depths(12) == std::vector<int>{4, 9, 4, 10});
  CHECK(depths(24) == std::vector<int>{7, 17, 9, 19});
  CHECK(depths(6) == std::vector<int>{2, 5, 2, 5});
  CHECK(depths(32) == std::vector<int>{11, 24, 11, 27});
  for (int blocks = 2; blocks <= 48; ++blocks) {  // each before the last block, and early before late or with it
    const CalibrationDepths d = CalibrationDepths::of(blocks);
    CAPTURE(blocks);
    CHECK((1 <= d.early && d.early <= d.late && d.late < blocks));
    CHECK((1 <= d.sum_first && d.sum_first <= d.sum_last && d.sum_last < blocks));
  }
}

TEST_CASE("the class token's weight is the published one or a number", "[engine]") {
  const auto engine = Engine::load(std::filesystem::path(SCLIP_SOURCE_DIR) / "weights/demo/demo-clip.sclip",
                                   {.backend = {.device = testing::device_under_test()}});
  const HeadInputs inputs{.blob = engine->blob(), .backend = engine->backend(), .temperature = 2};
  for (const std::string policy : {"sc-clip", "dih-clip", "sfp"}) {
    const auto read = [&](const std::string& options) {
      return read_calibration(find_policy(policy + options), inputs);
    };
    CHECK(read("").class_weight == 0.3f);
    CHECK(read("").threshold == 0.4f);
    CHECK(read("").temperature == 2);
    CHECK(read(":class-weight=0.5,threshold=0.25").class_weight == 0.5f);
    CHECK(read(":class-weight=0.5,threshold=0.25").threshold == 0.25f);
    CHECK(find_policy(policy + ":class-weight=published,threshold=0.40").spelling() == policy);
    for (const std::string wrong : {"", "x", "-1", "101", "nan", "0.3x"}) {
      CAPTURE(policy, wrong);
      CHECK_THROWS_WITH(read(":class-weight=" + wrong),
                        Catch::Contains("option 'class-weight' is 'published' or a number from 0 to 100"));
    }
  }
}
