#include "sclip/recipes.h"

#include <set>

#include "engine/dense_head/policy.h"
#include "sclip/class_list.h"
#include "sclip/error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

using Catch::Matchers::Contains;

SegmentOptions recipe(std::string method, std::string config) {
  return resolve({.config = std::move(config), .recipe = std::move(method), .policy = "sclip"}, {});
}

TEST_CASE("recipes: every row can be meant", "[recipes]") {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const Recipe& r : recipes()) {
    CAPTURE(r.method, r.setting.name);
    CHECK(seen.insert({r.method, r.setting.name}).second);
    CHECK(&find_recipe(r.method, r.setting.name) == &r);
    find_named_config(r.setting.name);
    const ClassList classes = parse_class_file(builtin_class_file(r.setting.class_file), r.setting.class_file);
    const ClassList usual = parse_class_file(builtin_class_file(find_named_config(r.setting.name).class_file), "usual");
    CHECK(classes.size() == usual.size());
    CHECK(r.policy.substr(0, r.policy.find(':')) == r.method);
    const SegmentOptions options =
        resolve({.config = std::string(r.setting.name), .recipe = std::string(r.method)}, {});
    CHECK(find_policy(options.policy).name() == r.method);
    CHECK(options.squash == r.squash);
    CHECK(to_string(options.refine.kind) == r.refine.substr(0, r.refine.find(':')));
  }
}

// From the methods' released configurations, by hand.
TEST_CASE("recipes: published numbers", "[recipes]") {
  const SegmentOptions voc = recipe("sc-clip", "voc21");
  CHECK((voc.short_side == 336 && voc.crop == 224 && voc.stride == 112 && voc.logit_scale == 50));
  CHECK((voc.prob_thd == 0.15f && voc.area_thd == 0.1f && voc.refine.kind == Refinement::kNone));
  const SegmentOptions object = recipe("dih-clip", "coco_object");
  CHECK((object.logit_scale == 55 && object.prob_thd == 0.35f && !object.area_thd));
  CHECK(recipe("sc-clip", "coco_stuff").short_side == 336);  // SCLIP's own is 448
  CHECK(recipe("sfp", "ade20k").short_side == 384);
  CHECK(recipe("rf-clip", "voc21").crop == 0);
  CHECK(recipe("rf-clip", "voc20").crop == 224);
  CHECK(recipe("resclip", "voc20").crop == 0);
  CHECK((recipe("pearl", "cityscapes").short_side == 560 && recipe("pearl", "cityscapes").crop == 224));
  CHECK(
      (recipe("gem", "voc21").squash && recipe("gem", "voc21").short_side == 448 && recipe("gem", "voc21").crop == 0));
  CHECK((recipe("naclip", "voc20").refine.kind == Refinement::kPamr && recipe("naclip", "voc20").crop == 0));
  CHECK(recipe("pearl", "voc21").refine == Refinement{.kind = Refinement::kPearl, .iterations = 25, .cells = 80});
  CHECK(recipe("pearl", "cityscapes").refine == Refinement{.kind = Refinement::kPearl, .iterations = 25, .cells = 224});
  CHECK((recipe("clearclip", "voc21").prob_thd == 0.5f && recipe("clearclip", "cityscapes").crop == 224));
  CHECK(find_recipe("rf-clip", "cityscapes").policy == "rf-clip:w=0.1,alpha=0.03,h=0.14,scene=window");
  CHECK(find_recipe("resclip", "voc21").policy == "resclip:tau-r=2,lambda-r=0.3,tau-s=2.2,lambda-s=0.7,t=0.5");
  CHECK(find_recipe("pearl", "ade20k").policy == "pearl:alpha=0.3");
  CHECK(find_recipe("sfp", "voc21").setting.class_file == "voc21_people");
  CHECK(find_recipe("gem", "ade20k").prompt == "a photo of a {}.");
}

TEST_CASE("recipes: what is given goes before them", "[recipes]") {
  SegmentRequest request{.config = "voc21", .recipe = "naclip"};
  CHECK(resolve(request, {}).policy == "naclip");
  request.policy_options = {"sigma=3"};
  CHECK(resolve(request, {}).policy == "naclip:sigma=3");
  request.policy = "naclip:sigma=7";
  CHECK(resolve(request, {}).policy == "naclip:sigma=3");
  request.policy_options.clear();
  CHECK(resolve(request, {}).policy == "naclip:sigma=7");
  request.policy = "clip";
  request.refine = "none";
  request.crop = 64;
  request.prob_thd = 0.25f;
  request.fit = "squash";
  const SegmentOptions o = resolve(request, {});
  CHECK((o.policy == "clip" && o.refine.kind == Refinement::kNone && o.crop == 64 && o.prob_thd == 0.25f && o.squash));
  CHECK(o.logit_scale == 40);
  SegmentRequest gem{.config = "voc20", .recipe = "gem", .policy = "clip", .fit = "short-side"};
  CHECK(!resolve(gem, {}).squash);
}

TEST_CASE("recipes: what is not there is refused with what is", "[recipes]") {
  CHECK_THROWS_WITH(find_recipe("magic", "voc21"), Contains("'magic'") && Contains("sc-clip, dih-clip"));
  CHECK_THROWS_WITH(find_recipe("naclp", "voc21"), Contains("did you mean 'naclip'?"));
  CHECK_THROWS_WITH(find_recipe("naclip", ""), Contains("--config") && Contains("voc21, voc20"));
  CHECK_THROWS_WITH(find_recipe("naclip", "voc99"), Contains("there is no configuration 'voc99'"));
  CHECK_THROWS_WITH(find_recipe("cliptrase", "cityscapes"),
                    Contains("no setting for cityscapes") && Contains("ade20k"));
}

}  // namespace
}  // namespace sclip
