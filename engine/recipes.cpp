// The table of recipes: a row for each method and data set, from the methods' released configurations.
#include "sclip/recipes.h"

#include <string>
#include <vector>

#include "core/find_named.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr std::nullopt_t kNone = std::nullopt;

// Method; name, classes, short side, crop, stride, logit scale, probability and area threshold; policy; refinement;
// squashed; prompt.
constexpr Recipe kRecipes[] = {
    // ClearCLIP: mc-lan/ClearCLIP, configs. Windows whose sides a patch does not divide are padded there and floored
    // here.
    {"clearclip", {"voc21", "voc21", 448, 448, 224, 50.f, 0.5f, kNone}, "clearclip", "none"},
    {"clearclip", {"voc20", "voc20", 448, 448, 224, 50.f, 0.f, kNone}, "clearclip", "none"},
    {"clearclip", {"context60", "context60", 448, 448, 224, 50.f, 0.15f, kNone}, "clearclip", "none"},
    {"clearclip", {"context59", "context59", 448, 448, 224, 50.f, 0.f, kNone}, "clearclip", "none"},
    {"clearclip", {"coco_object", "coco_object", 448, 448, 224, 50.f, 0.4f, kNone}, "clearclip", "none"},
    {"clearclip", {"coco_stuff", "coco_stuff", 448, 448, 224, 50.f, 0.f, kNone}, "clearclip", "none"},
    {"clearclip", {"ade20k", "ade20k", 448, 448, 224, 50.f, 0.f, kNone}, "clearclip", "none"},
    {"clearclip", {"cityscapes", "cityscapes", 448, 224, 224, 50.f, 0.f, kNone}, "clearclip", "none"},
    // NACLIP: sinahmr/NACLIP @ 0cac3a6. PAMR is on; without it the published average is 39.4 instead of 42.5.
    {"naclip", {"voc21", "voc21", 336, 0, 112, 40.f, 0.1f, kNone}, "naclip", "pamr"},
    {"naclip", {"voc20", "voc20", 336, 0, 112, 40.f, 0.f, kNone}, "naclip", "pamr"},
    {"naclip", {"context60", "context60", 336, 224, 112, 40.f, 0.1f, kNone}, "naclip", "pamr"},
    {"naclip", {"context59", "context59", 336, 224, 112, 40.f, 0.f, kNone}, "naclip", "pamr"},
    {"naclip", {"coco_object", "coco_object", 336, 224, 112, 40.f, 0.1f, kNone}, "naclip", "pamr"},
    {"naclip", {"coco_stuff", "coco_stuff", 336, 224, 112, 40.f, 0.f, kNone}, "naclip", "pamr"},
    {"naclip", {"ade20k", "ade20k", 336, 224, 112, 40.f, 0.f, kNone}, "naclip", "pamr"},
    {"naclip", {"cityscapes", "cityscapes", 560, 224, 112, 40.f, 0.f, kNone}, "naclip", "pamr"},
    // SC-CLIP: SuleBai/SC-CLIP @ 0417ba9.
    {"sc-clip", {"voc21", "voc21", 336, 224, 112, 50.f, 0.15f, 0.1f}, "sc-clip", "none"},
    {"sc-clip", {"voc20", "voc20", 336, 224, 112, 40.f, 0.f, kNone}, "sc-clip", "none"},
    {"sc-clip", {"context60", "context60", 336, 224, 112, 40.f, 0.15f, kNone}, "sc-clip", "none"},
    {"sc-clip", {"context59", "context59", 336, 224, 112, 40.f, 0.f, kNone}, "sc-clip", "none"},
    {"sc-clip", {"coco_object", "coco_object", 336, 224, 112, 55.f, 0.35f, kNone}, "sc-clip", "none"},
    {"sc-clip", {"coco_stuff", "coco_stuff", 336, 224, 112, 40.f, 0.f, kNone}, "sc-clip", "none"},
    {"sc-clip", {"ade20k", "ade20k", 336, 224, 112, 40.f, 0.f, kNone}, "sc-clip", "none"},
    {"sc-clip", {"cityscapes", "cityscapes", 560, 224, 112, 40.f, 0.f, kNone}, "sc-clip", "none"},
    // DIH-CLIP: duan-song/DiH-CLIP @ 775b609; numbers as SC-CLIP's.
    {"dih-clip", {"voc21", "voc21", 336, 224, 112, 50.f, 0.15f, 0.1f}, "dih-clip", "none"},
    {"dih-clip", {"voc20", "voc20", 336, 224, 112, 40.f, 0.f, kNone}, "dih-clip", "none"},
    {"dih-clip", {"context60", "context60", 336, 224, 112, 40.f, 0.15f, kNone}, "dih-clip", "none"},
    {"dih-clip", {"context59", "context59", 336, 224, 112, 40.f, 0.f, kNone}, "dih-clip", "none"},
    {"dih-clip", {"coco_object", "coco_object", 336, 224, 112, 55.f, 0.35f, kNone}, "dih-clip", "none"},
    {"dih-clip", {"coco_stuff", "coco_stuff", 336, 224, 112, 40.f, 0.f, kNone}, "dih-clip", "none"},
    {"dih-clip", {"ade20k", "ade20k", 336, 224, 112, 40.f, 0.f, kNone}, "dih-clip", "none"},
    {"dih-clip", {"cityscapes", "cityscapes", 560, 224, 112, 40.f, 0.f, kNone}, "dih-clip", "none"},
    // SFP: Kimsure/SFP @ 2804f5b; "people" for "person" in three lists.
    {"sfp", {"voc21", "voc21_people", 336, 224, 112, 50.f, 0.15f, 0.1f}, "sfp", "none"},
    {"sfp", {"voc20", "voc20_people", 336, 224, 112, 40.f, 0.f, kNone}, "sfp", "none"},
    {"sfp", {"context60", "context60", 336, 224, 112, 40.f, 0.15f, kNone}, "sfp", "none"},
    {"sfp", {"context59", "context59", 336, 224, 112, 40.f, 0.f, kNone}, "sfp", "none"},
    {"sfp", {"coco_object", "coco_object", 336, 224, 112, 55.f, 0.35f, kNone}, "sfp", "none"},
    {"sfp", {"coco_stuff", "coco_stuff", 336, 224, 112, 40.f, 0.f, kNone}, "sfp", "none"},
    {"sfp", {"ade20k", "ade20k", 384, 224, 112, 40.f, 0.f, kNone}, "sfp", "none"},
    {"sfp", {"cityscapes", "cityscapes_people", 560, 224, 112, 40.f, 0.f, kNone}, "sfp", "none"},
    // RF-CLIP: liblacklucy/RF-CLIP @ c2b333e, its script: PAMR off; the scene of Cityscapes is the window.
    {"rf-clip", {"voc21", "voc21", 336, 0, 112, 40.f, 0.1f, kNone}, "rf-clip:w=0.1,alpha=0.03,h=0.1", "none"},
    {"rf-clip", {"voc20", "voc20", 336, 224, 112, 40.f, 0.f, kNone}, "rf-clip:w=0.4,alpha=0.02,h=0.1", "none"},
    {"rf-clip",
     {"context60", "context60", 336, 224, 112, 40.f, 0.1f, kNone},
     "rf-clip:w=0.25,alpha=0.04,h=0.09",
     "none"},
    {"rf-clip",
     {"context59", "context59", 336, 224, 112, 40.f, 0.f, kNone},
     "rf-clip:w=0.25,alpha=0.04,h=0.09",
     "none"},
    {"rf-clip",
     {"coco_object", "coco_object", 336, 224, 112, 40.f, 0.1f, kNone},
     "rf-clip:w=0.25,alpha=0.01,h=0.1",
     "none"},
    {"rf-clip",
     {"coco_stuff", "coco_stuff", 336, 224, 112, 40.f, 0.f, kNone},
     "rf-clip:w=0.2,alpha=0.02,h=0.02",
     "none"},
    {"rf-clip", {"ade20k", "ade20k", 336, 224, 112, 40.f, 0.f, kNone}, "rf-clip:w=0.3,alpha=0.05,h=0.06", "none"},
    {"rf-clip",
     {"cityscapes", "cityscapes", 560, 224, 112, 40.f, 0.f, kNone},
     "rf-clip:w=0.1,alpha=0.03,h=0.14,scene=window",
     "none"},
    // ResCLIP: yvhangyang/ResCLIP @ 0e085f7.
    {"resclip",
     {"voc21", "voc21", 336, 0, 112, 40.f, 0.1f, kNone},
     "resclip:tau-r=2,lambda-r=0.3,tau-s=2.2,lambda-s=0.7,t=0.5",
     "none"},
    {"resclip",
     {"voc20", "voc20", 336, 0, 112, 40.f, 0.f, kNone},
     "resclip:tau-r=2,lambda-r=0.6,tau-s=2.1,lambda-s=0.6,t=0.1",
     "none"},
    {"resclip",
     {"context60", "context60", 336, 224, 112, 40.f, 0.1f, kNone},
     "resclip:tau-r=2,lambda-r=0.3,tau-s=1.8,lambda-s=0.7,t=0.3",
     "none"},
    {"resclip",
     {"context59", "context59", 336, 224, 112, 40.f, 0.f, kNone},
     "resclip:tau-r=2,lambda-r=0.4,tau-s=1.8,lambda-s=0.7,t=0.25",
     "none"},
    {"resclip",
     {"coco_object", "coco_object", 336, 224, 112, 40.f, 0.1f, kNone},
     "resclip:tau-r=2,lambda-r=0.4,tau-s=1.8,lambda-s=0.7,t=0.11",
     "none"},
    {"resclip",
     {"coco_stuff", "coco_stuff", 336, 224, 112, 40.f, 0.f, kNone},
     "resclip:tau-r=2,lambda-r=0.4,tau-s=1.8,lambda-s=0.7,t=0.11",
     "none"},
    {"resclip",
     {"ade20k", "ade20k", 336, 224, 112, 40.f, 0.f, kNone},
     "resclip:tau-r=2,lambda-r=0.3,tau-s=2.1,lambda-s=0.7,t=0.25",
     "none"},
    {"resclip",
     {"cityscapes", "cityscapes", 560, 224, 112, 40.f, 0.f, kNone},
     "resclip:tau-r=2,lambda-r=0.2,tau-s=2.1,lambda-s=0.6,t=0.1",
     "none"},
    // PEARL: PGSmall/PEARL @ c26062b. Its label propagation is on; what it publishes is with it.
    {"pearl", {"voc21", "voc21", 336, 0, 112, 40.f, 0.1f, kNone}, "pearl:alpha=0.08", "pearl"},
    {"pearl", {"voc20", "voc20", 336, 0, 112, 40.f, 0.f, kNone}, "pearl:alpha=0.08", "pearl"},
    {"pearl", {"context60", "context60", 336, 224, 112, 40.f, 0.1f, kNone}, "pearl:alpha=0.08", "pearl"},
    {"pearl", {"context59", "context59", 336, 224, 112, 40.f, 0.f, kNone}, "pearl:alpha=0.08", "pearl"},
    {"pearl", {"coco_object", "coco_object", 336, 224, 112, 40.f, 0.1f, kNone}, "pearl:alpha=0.08", "pearl"},
    {"pearl", {"coco_stuff", "coco_stuff", 336, 224, 112, 40.f, 0.f, kNone}, "pearl:alpha=0.08", "pearl"},
    {"pearl", {"ade20k", "ade20k", 336, 224, 112, 40.f, 0.f, kNone}, "pearl:alpha=0.3", "pearl"},
    {"pearl", {"cityscapes", "cityscapes", 560, 224, 112, 40.f, 0.f, kNone}, "pearl:alpha=0.3", "pearl:224"},
    // GEM: WalBouss/GEM @ 5fa677c. It publishes no thresholds; its squash is bicubic, ours bilinear.
    {"gem", {"voc21", "voc21", 448, 0, 112, 100.f, 0.f, kNone}, "gem", "none", true, "a photo of a {}."},
    {"gem", {"voc20", "voc20", 448, 0, 112, 100.f, 0.f, kNone}, "gem", "none", true, "a photo of a {}."},
    {"gem", {"context60", "context60", 448, 0, 112, 100.f, 0.f, kNone}, "gem", "none", true, "a photo of a {}."},
    {"gem", {"context59", "context59", 448, 0, 112, 100.f, 0.f, kNone}, "gem", "none", true, "a photo of a {}."},
    {"gem", {"coco_object", "coco_object", 448, 0, 112, 100.f, 0.f, kNone}, "gem", "none", true, "a photo of a {}."},
    {"gem", {"coco_stuff", "coco_stuff", 448, 0, 112, 100.f, 0.f, kNone}, "gem", "none", true, "a photo of a {}."},
    {"gem", {"ade20k", "ade20k", 448, 0, 112, 100.f, 0.f, kNone}, "gem", "none", true, "a photo of a {}."},
    {"gem", {"cityscapes", "cityscapes", 448, 0, 112, 100.f, 0.f, kNone}, "gem", "none", true, "a photo of a {}."},
    // CLIP Surgery: xmed-lab/CLIP_Surgery @ d4696d4, the data sets of its paper. No script was released: with no
    // threshold,
    // the labels do not depend on the scale. 85 templates there, the 80 of ImageNet here; its squash is bicubic.
    {"surgery", {"context59", "context59", 512, 0, 112, 40.f, 0.f, kNone}, "surgery", "none", true},
    {"surgery", {"coco_stuff", "coco_stuff", 512, 0, 112, 40.f, 0.f, kNone}, "surgery", "none", true},
    {"surgery", {"cityscapes", "cityscapes", 512, 0, 112, 40.f, 0.f, kNone}, "surgery", "none", true},
    // CLIPtrase: leaves162/CLIPtrase @ 2b7de61. It crops the centre of photo and ground truth, which is not done here.
    {"cliptrase", {"voc21", "voc21", 336, 0, 112, 100.f, 0.f, kNone}, "cliptrase", "none"},
    {"cliptrase", {"voc20", "voc20", 336, 0, 112, 100.f, 0.f, kNone}, "cliptrase", "none"},
    {"cliptrase", {"context60", "context60", 336, 0, 112, 100.f, 0.f, kNone}, "cliptrase", "none"},
    {"cliptrase", {"context59", "context59", 336, 0, 112, 100.f, 0.f, kNone}, "cliptrase", "none"},
    {"cliptrase", {"coco_object", "coco_object", 336, 0, 112, 100.f, 0.f, kNone}, "cliptrase", "none"},
    {"cliptrase", {"coco_stuff", "coco_stuff", 336, 0, 112, 100.f, 0.f, kNone}, "cliptrase", "none"},
    {"cliptrase", {"ade20k", "ade20k", 336, 0, 112, 100.f, 0.f, kNone}, "cliptrase", "none"},
};

}  // namespace

std::span<const Recipe> recipes() {
  return kRecipes;
}

const Recipe& find_recipe(std::string_view method, std::string_view config) {
  std::vector<std::string_view> methods, configs;
  for (const Recipe& recipe : kRecipes) {
    if (methods.empty() || methods.back() != recipe.method) methods.push_back(recipe.method);
    if (recipe.method != method) continue;
    if (recipe.setting.name == config) return recipe;
    configs.push_back(recipe.setting.name);
  }
  SCLIP_CHECK(!configs.empty(), kInvalidArgument, "there is no recipe '", method, "': ", name_advice(method, methods));
  SCLIP_CHECK(!config.empty(), kInvalidArgument, "the recipe ", method,
              " has a setting for each data set: name one with --config, ", name_advice(config, configs));
  find_named_config(config);  // throws for a name that is none
  fail(ErrorCode::kInvalidArgument, "the recipe ", method, " has no setting for ", config, ": ",
       name_advice(config, configs));
}

}  // namespace sclip
