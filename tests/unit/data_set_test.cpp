// Each data set in the folders of its download, small: which pairs are found, and what the masks' numbers mean.
#include "evaluation/data_set.h"

#include <map>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "core/thread_pool.h"
#include "evaluation/ground_truth.h"
#include "io/png_write.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace sclip {
namespace {

using testing::TemporaryFolder;
using Row = std::vector<uint16_t>;

// Only looked for, never decoded here.
void touch(const std::filesystem::path& path) {
  std::filesystem::create_directories(path.parent_path());
  write_file_atomically(path, std::string_view("x"));
}

void write_mask(const std::filesystem::path& path, const Row& numbers) {
  std::filesystem::create_directories(path.parent_path());
  ThreadPool pool(1);
  const LabelView view{numbers.data(), static_cast<int>(numbers.size()), 1};
  write_file_atomically(path, encode_png_grey(view, 256, pool));
}

Row truth(const DataSet& set, size_t sample = 0) {
  return read_ground_truth(set.samples.at(sample).mask, set.rule).labels;
}

constexpr uint16_t kVoid = kIgnoredLabel;

TEST_CASE("VOC2012 is read by its list, with and without the background", "[data_set]") {
  TemporaryFolder root;
  const auto voc = root / "VOCdevkit" / "VOC2012";
  for (const char* name : {"2007_000033", "2007_000042", "2007_000061"}) {
    touch(voc / "JPEGImages" / (std::string(name) + ".jpg"));
    write_mask(voc / "SegmentationClass" / (std::string(name) + ".png"), {0, 1, 20, 255});
  }
  touch(voc / "JPEGImages" / "2009_000001.jpg");  // of the detection task only
  std::filesystem::create_directories(voc / "ImageSets" / "Segmentation");
  write_file_atomically(voc / "ImageSets" / "Segmentation" / "val.txt",
                        std::string_view("2007_000061\n2007_000033\r\n2008_999999\n\n"));
  write_file_atomically(voc / "ImageSets" / "Segmentation" / "train.txt", std::string_view("2007_000042\n"));

  for (const auto& folder : {root.path(), voc}) {
    const DataSet set = open_data_set(find_data_set_kind("voc21"), folder);
    REQUIRE(set.samples.size() == 2);
    CHECK(set.samples[0].name == "2007_000033");
    CHECK(set.samples[0].photo == voc / "JPEGImages" / "2007_000033.jpg");
    CHECK(set.samples[1].mask == voc / "SegmentationClass" / "2007_000061.png");
    CHECK(set.missing == std::vector<std::string>{"2008_999999"});
    CHECK(set.classes.size() == 21);
    CHECK(set.classes.class_names()[0] == "background");
    CHECK(truth(set) == Row{0, 1, 20, kVoid});
  }
  const DataSet without = open_data_set(find_data_set_kind("voc20"), root.path());
  CHECK(without.classes.size() == 20);
  CHECK(truth(without) == Row{kVoid, 0, 19, kVoid});
  CHECK(open_data_set(find_data_set_kind("voc"), root.path(), "train").samples.at(0).name == "2007_000042");
}

TEST_CASE("Context lies in VOC2010 as mmsegmentation converts it", "[data_set]") {
  TemporaryFolder root;
  const auto voc = root / "VOCdevkit" / "VOC2010";
  touch(voc / "JPEGImages" / "2008_000008.jpg");
  write_mask(voc / "SegmentationClassContext" / "2008_000008.png", {0, 1, 59});
  std::filesystem::create_directories(voc / "ImageSets" / "SegmentationContext");
  write_file_atomically(voc / "ImageSets" / "SegmentationContext" / "val.txt", std::string_view("2008_000008\n"));
  const DataSet sixty = open_data_set(find_data_set_kind("context60"), root.path());
  CHECK(sixty.classes.size() == 60);
  CHECK(truth(sixty) == Row{0, 1, 59});
  const DataSet fewer = open_data_set(find_data_set_kind("context59"), root.path());
  CHECK(fewer.classes.size() == 59);
  CHECK(truth(fewer) == Row{kVoid, 0, 58});
}

TEST_CASE("COCO's converted masks are told apart by their names", "[data_set]") {
  TemporaryFolder root;
  const auto coco = root / "coco_stuff164k";
  touch(coco / "images" / "val2017" / "000000000139.jpg");
  touch(coco / "images" / "val2017" / "000000000285.jpg");
  write_mask(coco / "annotations" / "val2017" / "000000000139_labelTrainIds.png", {0, 79, 80, 170, 255});
  write_mask(coco / "annotations" / "val2017" / "000000000139_instanceTrainIds.png", {0, 1, 80, 0});
  const DataSet stuff = open_data_set(find_data_set_kind("coco_stuff"), root.path());
  CHECK(stuff.kind->name == "coco_stuff164k");
  CHECK(stuff.classes.size() == 171);
  REQUIRE(stuff.samples.size() == 1);
  CHECK(stuff.without_mask == std::vector{coco / "images" / "val2017" / "000000000285.jpg"});
  CHECK(truth(stuff) == Row{0, 79, 80, 170, kVoid});
  const DataSet object = open_data_set(find_data_set_kind("coco_object"), root.path());
  CHECK(object.classes.size() == 81);
  CHECK(truth(object) == Row{0, 1, 80, 0});
}

TEST_CASE("COCO's masks as they are downloaded have COCO's numbers less one", "[data_set]") {
  TemporaryFolder root;
  touch(root / "images" / "val2017" / "000000000139.jpg");
  // person, fire hydrant, stop sign (number 12 less one is no category), toothbrush, banner, wood, unlabelled
  write_mask(root / "stuffthingmaps" / "val2017" / "000000000139.png", {0, 10, 12, 89, 91, 181, 255});
  CHECK(truth(open_data_set(find_data_set_kind("coco_stuff164k"), root.path())) == Row{0, 10, 11, 79, 80, 170, kVoid});
  CHECK(truth(open_data_set(find_data_set_kind("coco_object"), root.path())) == Row{1, 11, 12, 80, 0, 0, 0});
}

TEST_CASE("COCO-Stuff10k counts from 1", "[data_set]") {
  TemporaryFolder root;
  touch(root / "coco_stuff10k" / "images" / "test2014" / "COCO_train2014_000000000077.jpg");
  write_mask(root / "coco_stuff10k" / "annotations" / "test2014" / "COCO_train2014_000000000077_labelTrainIds.png",
             {0, 1, 171});
  CHECK(truth(open_data_set(find_data_set_kind("coco_stuff10k"), root.path())) == Row{kVoid, 0, 170});
}

TEST_CASE("ADE20K counts from 1", "[data_set]") {
  TemporaryFolder root;
  const auto ade = root / "ade" / "ADEChallengeData2016";
  touch(ade / "images" / "validation" / "ADE_val_00000001.jpg");
  write_mask(ade / "annotations" / "validation" / "ADE_val_00000001.png", {0, 1, 150});
  const DataSet set = open_data_set(find_data_set_kind("ade20k"), root.path());
  CHECK(set.classes.size() == 150);
  CHECK(set.split == "validation");
  CHECK(truth(set) == Row{kVoid, 0, 149});
}

TEST_CASE("Cityscapes lies in folders of cities, with train ids or its own", "[data_set]") {
  TemporaryFolder root;
  const auto photos = root / "cityscapes" / "leftImg8bit" / "val", masks = root / "cityscapes" / "gtFine" / "val";
  touch(photos / "munster" / "munster_000001_000019_leftImg8bit.png");
  touch(photos / "frankfurt" / "frankfurt_000000_000294_leftImg8bit.png");
  // ego vehicle, road, sidewalk, wall, tunnel, bus, caravan, bicycle
  for (const char* city : {"munster/munster_000001_000019", "frankfurt/frankfurt_000000_000294"}) {
    write_mask(masks / (std::string(city) + "_gtFine_labelIds.png"), {1, 7, 8, 12, 16, 28, 29, 33});
  }
  const Row expected = {kVoid, 0, 1, 3, kVoid, 15, kVoid, 18};
  const DataSet raw = open_data_set(find_data_set_kind("cityscapes"), root.path());
  REQUIRE(raw.samples.size() == 2);
  CHECK(raw.samples[0].name == "frankfurt/frankfurt_000000_000294");
  CHECK(truth(raw) == expected);
  for (const char* city : {"munster/munster_000001_000019", "frankfurt/frankfurt_000000_000294"}) {
    write_mask(masks / (std::string(city) + "_gtFine_labelTrainIds.png"), {255, 0, 1, 3, 255, 15, 255, 18});
  }
  const DataSet converted = open_data_set(find_data_set_kind("city"), root.path());
  CHECK(converted.layout->mask_suffixes[0] == "_gtFine_labelTrainIds.png");
  CHECK(truth(converted) == expected);
}

TEST_CASE("CamVid and MSRC bring their own classes", "[data_set]") {
  TemporaryFolder root;
  const auto camvid = root / "camvid" / "test";
  touch(camvid / "images" / "0001TP_008550.jpg");
  write_mask(camvid / "masks" / "0001TP_008550.png", {0, 1, 255});
  write_file_atomically(camvid / "classes.txt", std::string_view("sky\nbuilding, house\n"));
  for (const auto& folder : {root.path(), root / "camvid", camvid}) {
    const DataSet set = open_data_set(find_data_set_kind("camvid"), folder);
    CHECK(set.classes.class_names() == std::vector<std::string>{"sky", "building"});
    CHECK(truth(set) == Row{0, 1, kVoid});
  }

  const auto msrc = root / "msrc_v2";
  touch(msrc / "images" / "1_9_s.jpg");
  write_mask(msrc / "masks" / "1_9_s_GT.png", {0, 1, 7, 255});
  write_file_atomically(msrc / "classes.txt",
                        std::string_view("0 void\n1 building\n7 sky\n255 unknown colour (ignore)\n"));
  const DataSet set = open_data_set(find_data_set_kind("msrc_v2"), root.path());
  CHECK(set.classes.class_names() == std::vector<std::string>{"building", "sky"});
  CHECK(set.ignored == std::vector<std::string>{"void", "unknown colour (ignore)"});
  CHECK(truth(set) == Row{kVoid, 0, 1, kVoid});
}

TEST_CASE("a folder's list may name photos by their paths", "[data_set]") {
  TemporaryFolder root;
  for (const char* name : {"a", "b", "c"}) {
    touch(root / "images" / (std::string(name) + ".jpg"));
    write_mask(root / "masks" / (std::string(name) + ".png"), {0, 8});
  }
  write_file_atomically(root / "classes.txt", std::string_view("0 various\n8 window\n"));
  write_file_atomically(root / "test.txt", std::string_view("images/c.jpg\nimages/a.jpg\nimages/gone.jpg\n"));
  const DataSet set = open_data_set(find_data_set_kind("labelmefacade"), root.path());
  REQUIRE(set.samples.size() == 2);
  CHECK(set.samples[1].name == "c");
  CHECK(set.missing == std::vector<std::string>{"gone"});
  CHECK(truth(set) == Row{kVoid, 0});
  CHECK(open_data_set(find_data_set_kind("folder"), root.path()).samples.size() == 3);
}

TEST_CASE("a number that is no class is told with its place", "[data_set]") {
  TemporaryFolder root;
  write_mask(root / "m.png", {0, 1, 34});
  try {
    read_ground_truth(root / "m.png", MaskRule(MaskRuleKind::kAsStored, 19));
    FAIL("34 is no class of 19");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kCorruptData);
    CHECK(std::string(error.what()).find("the number 34 at 2,0") != std::string::npos);
  }
}

TEST_CASE("a set that is not there says where it was looked for", "[data_set]") {
  TemporaryFolder root;
  for (const DataSetKind& kind : data_set_kinds()) {
    try {
      open_data_set(kind, root.path());
      FAIL("an empty folder");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kNotFound);
      CHECK(std::string(error.what()).find(kind.layouts[0].masks.substr(kind.layouts[0].masks.find('}') + 1)) !=
            std::string::npos);
    }
    if (!kind.class_file.empty()) CHECK_NOTHROW(builtin_class_file(kind.class_file));
  }
  CHECK_THROWS_AS(find_data_set_kind("imagenet"), Error);
}

}  // namespace
}  // namespace sclip
