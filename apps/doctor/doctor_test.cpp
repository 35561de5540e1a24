// Every check: what it names, and what it leaves in peace.
#include <algorithm>

#include "apps/doctor/checks.h"
#include "sclip/error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

// A set of 4 classes, background first, with two good pairs.
Facts healthy() {
  Facts facts;
  DataFacts data{.set = "set",
                 .class_file = "",
                 .class_names = {"background", "road", "sky", "tree"},
                 .rule = MaskRule(MaskRuleKind::kAsStored, 4)};
  for (const char* name : {"a", "b"}) {
    SetPair pair;
    pair.name = name;
    pair.photo = {.file = std::string(name) + ".jpg", .width = 40, .height = 30, .error = {}, .sha256 = {}};
    pair.mask.file = std::string(name) + ".png";
    pair.mask.format = "PNG";
    pair.mask.width = 40;
    pair.mask.height = 30;
    pair.mask.numbers = {{0, 400}, {1, 300}, {2, 300}, {3, 150}, {255, 50}};
    pair.mask.edges = {.edges = 500, .ramps = 10};
    data.looked.push_back(pair);
  }
  data.pairs = 2;
  facts.data = data;
  facts.classes = parse_class_argument("background = wall, floor; road; sky; tree");
  facts.options.prob_thd = 0.1F;
  ModelInfo model;
  model.name = "clip.sclip";
  model.metadata.model = "ViT-B-16";
  model.metadata.source = "openai ViT-B-16.pt";
  model.config.vision.image_size = 224;
  model.config.preprocess.mean = {122.771F, 116.746F, 104.094F};
  model.config.preprocess.std = {68.501F, 66.632F, 70.323F};
  facts.model = model;
  facts.options.crop = 224;
  return facts;
}

std::vector<std::string> named(const Facts& facts) {
  std::vector<std::string> out;
  for (const Finding& f : diagnose(facts).findings) out.push_back(std::string(f.check));
  return out;
}

// The one finding, of this check.
Finding only(const Facts& facts, std::string_view check) {
  const auto findings = diagnose(facts).findings;
  for (const Finding& f : findings) {
    INFO(f.check << ": " << f.what);
    REQUIRE(f.check == check);
    CHECK_FALSE(f.what.empty());
    CHECK_FALSE(f.fix.empty());
  }
  REQUIRE(findings.size() == 1);
  return findings[0];
}

void set_numbers(Facts& facts, const NumberCounts& numbers) {
  for (SetPair& pair : facts.data->looked) pair.mask.numbers = numbers;
}

Facts with_rule(MaskRuleKind kind, size_t classes, const std::string& file) {
  Facts facts = healthy();
  facts.data->rule = MaskRule(kind, classes);
  facts.data->class_file = file;
  facts.data->pairs = 100;  // of which two were read: rare classes are no matter
  return facts;
}

TEST_CASE("a healthy set, list and model have no finding", "[doctor]") {
  const Diagnosis diagnosis = diagnose(healthy());
  for (const Finding& f : diagnosis.findings) FAIL(f.check << ": " << f.what);
  CHECK(diagnosis.asked.size() == doctor_checks().size());
  CHECK(diagnosis.skipped.empty());
  CHECK(troubles(diagnosis) == 0);
}

TEST_CASE("what is not there is not judged", "[doctor]") {
  const Diagnosis diagnosis = diagnose({});
  CHECK(diagnosis.findings.empty());
  CHECK(diagnosis.asked.empty());
  CHECK(diagnosis.skipped.size() == doctor_checks().size());
}

TEST_CASE("every check has its own name and a question", "[doctor]") {
  std::vector<std::string_view> names;
  for (const Check& check : doctor_checks()) {
    CHECK(check.question.ends_with("?"));
    names.push_back(check.name);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("readable", "[doctor]") {
  Facts facts = healthy();
  facts.data->looked[0].photo.error = "the JPEG file a.jpg is truncated";
  CHECK(only(facts, "readable").what.find("truncated") != std::string::npos);
  facts = healthy();
  facts.data->looked[1].mask.error = "the mask b.png is damaged";
  facts.data->looked[1].mask.numbers = {};
  CHECK(only(facts, "readable").severity == Severity::kError);
}

TEST_CASE("halves of pairs", "[doctor]") {
  Facts facts = healthy();
  facts.data->photos_without_mask = {"c.jpg"};
  CHECK(only(facts, "photos-without-mask").what.find("c.jpg") != std::string::npos);
  facts = healthy();
  facts.data->missing = {"d"};
  only(facts, "photos-without-mask");
  facts = healthy();
  facts.data->masks_without_photo = {"e.png", "f.png"};
  CHECK(only(facts, "masks-without-photo").what.find("2 of 4 masks (e.png, …)") != std::string::npos);
}

TEST_CASE("duplicates", "[doctor]") {
  Facts facts = healthy();
  facts.data->hashed = {{.file = "a.jpg", .width = 0, .height = 0, .error = {}, .sha256 = "1"},
                        {.file = "b.jpg", .width = 0, .height = 0, .error = {}, .sha256 = "2"}};
  CHECK(named(facts).empty());
  facts.data->hashed[1].sha256 = "1";
  CHECK(only(facts, "duplicates").what.find("b.jpg is a.jpg") != std::string::npos);
}

TEST_CASE("sizes", "[doctor]") {
  Facts facts = healthy();
  facts.data->looked[0].mask.width = 20;
  facts.data->looked[0].mask.height = 15;
  CHECK(only(facts, "sizes").what.find("another size") != std::string::npos);
  std::swap(facts.data->looked[0].mask.width, facts.data->looked[0].mask.height);
  facts.data->looked[0].mask.width = 30;
  facts.data->looked[0].mask.height = 40;
  CHECK(only(facts, "sizes").what.find("on their side") != std::string::npos);
}

TEST_CASE("kinds of mask", "[doctor]") {
  Facts facts = healthy();
  facts.data->looked[0].mask.format = "JPEG";
  facts.data->looked[0].mask.numbers = {};
  CHECK(only(facts, "lossy-masks").what.find("JPEG") != std::string::npos);
  facts = healthy();
  facts.data->looked[0].mask.colours = true;
  facts.data->looked[0].mask.error = "the mask a.png is a colour picture";
  facts.data->looked[0].mask.numbers = {};
  only(facts, "colour-masks");
  facts = healthy();
  facts.data->looked[0].mask.edges = {.edges = 500, .ramps = 200};
  only(facts, "blended-borders");
}

TEST_CASE("a blended border is told from a sharp one by its steps", "[doctor]") {
  const std::vector<uint16_t> sharp = {0, 0, 9, 9, 0, 0, 9, 9}, blended = {0, 3, 6, 9, 9, 6, 3, 0};
  CHECK(count_edges(sharp, 4).ramps == 0);
  CHECK(count_edges(sharp, 4).edges == 2);
  CHECK(count_edges(blended, 4).ramps == 4);
  CHECK(count_edges(blended, 4).edges == 6);
  CHECK(count_numbers(blended) == NumberCounts{{0, 2}, {3, 2}, {6, 2}, {9, 2}});
}

TEST_CASE("255 where a class is meant", "[doctor]") {
  Facts facts = healthy();
  facts.data->pairs = 10;
  set_numbers(facts, {{0, 800}, {255, 400}});
  CHECK(only(facts, "binary-masks").what.find("33.3%") != std::string::npos);
  set_numbers(facts, {{0, 800}, {1, 400}});
  CHECK(named(facts).empty());
}

TEST_CASE("zero label", "[doctor]") {
  Facts facts = healthy();
  facts.data->pairs = 10;
  set_numbers(facts, {{0, 300}, {1, 300}, {2, 300}, {4, 300}});  // for classes 0 … 3
  CHECK(only(facts, "zero-label").what.find("up to 4 for 4 classes") != std::string::npos);

  facts = with_rule(MaskRuleKind::kZeroIsVoid, 150, "ade20k");
  set_numbers(facts, {{0, 100}, {1, 300}, {149, 300}, {255, 500}});
  CHECK(only(facts, "zero-label").what.find("as if that were done") != std::string::npos);
  set_numbers(facts, {{0, 500}, {1, 300}, {149, 400}});  // as downloaded, the last class not in these
  CHECK(named(facts).empty());
  set_numbers(facts, {{0, 900}, {1, 300}, {20, 400}, {255, 60}});  // as VOC's
  CHECK(named(facts).empty());
}

TEST_CASE("COCO-Stuff's two kinds of train ids", "[doctor]") {
  Facts facts = with_rule(MaskRuleKind::kAsStored, 171, "coco_stuff");
  set_numbers(facts, {{0, 300}, {5, 300}, {171, 300}});
  CHECK(only(facts, "zero-label").fix.find("coco_stuff10k") != std::string::npos);
  facts = with_rule(MaskRuleKind::kZeroIsVoid, 171, "coco_stuff");
  set_numbers(facts, {{0, 30}, {5, 300}, {170, 300}, {255, 100}});
  CHECK(only(facts, "zero-label").fix.find("coco_stuff164k") != std::string::npos);
}

TEST_CASE("numbers that are no class", "[doctor]") {
  Facts facts = healthy();
  facts.data->pairs = 10;
  set_numbers(facts, {{0, 300}, {2, 300}, {9, 300}, {37, 300}});
  const Finding found = only(facts, "unknown-numbers");
  CHECK(found.what.find("9, 37 of 50.0%") != std::string::npos);
  CHECK(found.fix.find("classes.txt") != std::string::npos);

  facts = with_rule(MaskRuleKind::kAsStored, 19, "cityscapes");
  set_numbers(facts, {{7, 300}, {11, 300}, {23, 300}, {33, 100}});
  CHECK(only(facts, "unknown-numbers").what.find("labelIds") != std::string::npos);
  set_numbers(facts, {{0, 300}, {11, 300}, {18, 300}, {255, 100}});
  CHECK(named(facts).empty());
  facts = with_rule(MaskRuleKind::kCityscapesIds, 19, "cityscapes");
  set_numbers(facts, {{0, 100}, {7, 300}, {11, 300}, {23, 500}});
  CHECK(named(facts).empty());
  set_numbers(facts, {{0, 100}, {7, 300}, {11, 300}, {17, 500}, {255, 10}});
  CHECK(only(facts, "unknown-numbers").what.find("train ids") != std::string::npos);

  facts = with_rule(MaskRuleKind::kAsStored, 171, "coco_stuff");
  set_numbers(facts, {{0, 300}, {100, 300}, {181, 300}});
  CHECK(only(facts, "unknown-numbers").fix.find("stuffthingmaps") != std::string::npos);
  facts = with_rule(MaskRuleKind::kCocoStuffIds, 171, "coco_stuff");
  set_numbers(facts, {{0, 300}, {100, 300}, {181, 300}});
  CHECK(named(facts).empty());
  set_numbers(facts, {{0, 300}, {11, 300}, {100, 300}});  // 11 is no category
  CHECK(only(facts, "unknown-numbers").what.find("train ids") != std::string::npos);
  facts = with_rule(MaskRuleKind::kAsStored, 81, "coco_object");
  set_numbers(facts, {{0, 300}, {89, 300}, {181, 300}});
  CHECK(only(facts, "unknown-numbers").fix.find("instanceTrainIds") != std::string::npos);
}

TEST_CASE("pixels that do not count", "[doctor]") {
  Facts facts = healthy();
  facts.data->pairs = 10;
  set_numbers(facts, {{0, 100}, {1, 100}, {255, 900}});
  CHECK(only(facts, "void-share").what.find("81.8%") != std::string::npos);
}

TEST_CASE("masks of a single number", "[doctor]") {
  Facts facts = healthy();
  facts.data->looked.push_back(facts.data->looked[0]);
  facts.data->pairs = 10;
  set_numbers(facts, {{1, 1200}});
  only(facts, "constant-masks");
}

TEST_CASE("classes that no mask has are a note, once all masks were read", "[doctor]") {
  Facts facts = healthy();
  set_numbers(facts, {{0, 600}, {1, 300}, {3, 300}});
  CHECK(only(facts, "classes-seen").severity == Severity::kNote);
  CHECK(troubles(diagnose(facts)) == 0);
  facts.data->pairs = 10;
  CHECK(named(facts).empty());
}

TEST_CASE("the class list against the masks", "[doctor]") {
  Facts facts = healthy();
  facts.classes_given = true;
  facts.classes = parse_class_argument("background = wall, floor; sky; road; tree");
  const Finding order = only(facts, "class-order");
  CHECK(order.severity == Severity::kError);
  CHECK(order.what.find("1, 'sky' for 'road'") != std::string::npos);
  facts.classes = parse_class_argument("background = wall, floor; road; sky");
  only(facts, "class-count");
  facts.classes = parse_class_argument("background = wall, floor; Road; sky; tree");
  CHECK(named(facts).empty());
}

TEST_CASE("COCO-Stuff's list in the other order", "[doctor]") {
  Facts facts = healthy();
  facts.data.reset();
  facts.classes_given = true;
  facts.options.prob_thd = 0;
  const ClassList published = parse_class_file(builtin_class_file("coco_stuff"), "coco_stuff");
  std::vector<std::vector<std::string>> names;
  for (const std::string& name : published.class_names()) names.push_back({name});
  facts.classes = ClassList::from_names(names);
  CHECK(named(facts).empty());
  std::rotate(names.begin(), names.begin() + 80, names.end());  // stuff before things
  facts.classes = ClassList::from_names(names);
  CHECK(only(facts, "class-order").fix.find("coco_stuff") != std::string::npos);
}

TEST_CASE("warnings of a list, and words of two classes", "[doctor]") {
  Facts facts = healthy();
  facts.classes->add_warning("line 3 of words.txt holds a comma without a blank");
  only(facts, "class-list");
  facts = healthy();
  facts.classes = parse_class_argument("background = wall, floor; road, street; sky; street, tree");
  CHECK(only(facts, "words-twice").severity == Severity::kNote);
}

TEST_CASE("thresholds and background", "[doctor]") {
  Facts facts = healthy();
  facts.classes = parse_class_argument("wall; road; sky; tree");
  CHECK(only(facts, "threshold").severity == Severity::kError);
  facts.options.ignore_label = 255;
  CHECK(named(facts).empty());
  facts.options.ignore_label.reset();
  facts.options.prob_thd = 0;
  CHECK(named(facts).empty());
  facts.options.area_thd = 0.1F;
  CHECK(only(facts, "threshold").severity == Severity::kWarning);
  facts = healthy();
  facts.classes = parse_class_argument("background; road; sky; tree");
  CHECK(named(facts).empty());
  facts.options.prob_thd = 0;
  only(facts, "background");
}

TEST_CASE("activation", "[doctor]") {
  Facts facts = healthy();
  facts.model->config.activation = Activation::kGelu;
  CHECK(only(facts, "activation").fix.find("quick_gelu") != std::string::npos);
  facts.model->metadata.source = "open_clip laion2b_s34b_b88k";
  CHECK(named(facts).empty());
  facts.model->config.activation = Activation::kQuickGelu;
  CHECK(only(facts, "activation").fix.find("--activation gelu") != std::string::npos);
  facts.model->metadata.model = "ViT-B-16-quickgelu";
  CHECK(named(facts).empty());
}

TEST_CASE("mean and std", "[doctor]") {
  Facts facts = healthy();
  auto& p = facts.model->config.preprocess;
  const auto says = [&](std::string_view text) { return only(facts, "mean-std").what.find(text) != std::string::npos; };
  p.mean = {123.675F, 116.28F, 103.53F};
  p.std = {58.395F, 57.12F, 57.375F};
  CHECK(says("ImageNet"));
  p.mean = {0.481F, 0.458F, 0.408F};
  p.std = {0.269F, 0.261F, 0.276F};
  CHECK(says("0…1"));
  p.mean = {104.094F, 116.746F, 122.771F};
  p.std = {70.323F, 66.632F, 68.501F};
  CHECK(says("blue, green, red"));
  p.mean = p.std = {127.5F, 127.5F, 127.5F};
  CHECK(says("0.5"));
  p.mean = {90, 90, 90};
  CHECK(says("not CLIP's"));
}

TEST_CASE("words and windows of a model", "[doctor]") {
  Facts facts = healthy();
  facts.model->config.known_words = {"road", "sky", "tree", "wall"};
  CHECK(only(facts, "known-words").what.find("floor") != std::string::npos);
  facts = healthy();
  facts.options.crop = 640;
  CHECK(only(facts, "windows").fix.find("--crop 224") != std::string::npos);
  facts.options.crop = 448;
  CHECK(named(facts).empty());
}

}  // namespace
}  // namespace sclip
