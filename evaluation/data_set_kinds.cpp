// The table of data sets. Folders are those of the downloads, or where mmsegmentation's converters leave them.
#include <algorithm>
#include <array>

#include "core/find_named.h"
#include "evaluation/data_set.h"

namespace sclip {
namespace {

using enum MaskRuleKind;
using Names = std::span<const std::string_view>;

constexpr std::string_view kPng[] = {".png"};
constexpr std::string_view kInstanceTrainIds[] = {"_instanceTrainIds.png"};
constexpr std::string_view kLabelTrainIds[] = {"_labelTrainIds.png"};
constexpr std::string_view kFineTrainIds[] = {"_gtFine_labelTrainIds.png"};
constexpr std::string_view kFineIds[] = {"_gtFine_labelIds.png"};
constexpr std::string_view kAnyMask[] = {".png", "_GT.png", "_gt.png", "_L.png", "_mask.png", "_label.png"};

constexpr Layout kVoc21[] = {
    {"JPEGImages", ".jpg", "SegmentationClass", kPng, "ImageSets/Segmentation/{split}.txt", "val", kAsStored},
    {"images", "", "masks", kAnyMask, "", "", kAsStored},
};
constexpr Layout kVoc20[] = {
    {"JPEGImages", ".jpg", "SegmentationClass", kPng, "ImageSets/Segmentation/{split}.txt", "val", kZeroIsVoid},
    {"images", "", "masks", kAnyMask, "", "", kZeroIsVoid},
};
constexpr std::string_view kContextList = "ImageSets/SegmentationContext/{split}.txt";
constexpr Layout kContext60[] = {
    {"JPEGImages", ".jpg", "SegmentationClassContext", kPng, kContextList, "val", kAsStored},
};
constexpr Layout kContext59[] = {
    {"JPEGImages", ".jpg", "SegmentationClassContext", kPng, kContextList, "val", kZeroIsVoid},
};
constexpr Layout kCocoObject[] = {
    {"images/{split}", ".jpg", "annotations/{split}", kInstanceTrainIds, "", "val2017", kAsStored},
    {"images/{split}", ".jpg", "stuffthingmaps/{split}", kPng, "", "val2017", kCocoObjectIds},
    {"images/{split}", ".jpg", "annotations/{split}", kPng, "", "val2017", kCocoObjectIds},
    {"{split}", ".jpg", "stuffthingmaps/{split}", kPng, "", "val2017", kCocoObjectIds},
};
constexpr Layout kCocoStuff164k[] = {
    {"images/{split}", ".jpg", "annotations/{split}", kLabelTrainIds, "", "val2017", kAsStored},
    {"images/{split}", ".jpg", "stuffthingmaps/{split}", kPng, "", "val2017", kCocoStuffIds},
    {"images/{split}", ".jpg", "annotations/{split}", kPng, "", "val2017", kCocoStuffIds},
    {"{split}", ".jpg", "stuffthingmaps/{split}", kPng, "", "val2017", kCocoStuffIds},
};
constexpr Layout kCocoStuff10k[] = {
    {"images/{split}", ".jpg", "annotations/{split}", kLabelTrainIds, "", "test2014", kZeroIsVoid},
};
constexpr Layout kAde20k[] = {
    {"images/{split}", ".jpg", "annotations/{split}", kPng, "", "validation", kZeroIsVoid},
};
constexpr Layout kCityscapes[] = {
    {"leftImg8bit/{split}", "_leftImg8bit.png", "gtFine/{split}", kFineTrainIds, "", "val", kAsStored},
    {"leftImg8bit/{split}", "_leftImg8bit.png", "gtFine/{split}", kFineIds, "", "val", kCityscapesIds},
};
constexpr Layout kSplitFolder[] = {
    {"{split}/images", "", "{split}/masks", kAnyMask, "", "test", kListed},
    {"images", "", "masks", kAnyMask, "", "", kListed},
};
constexpr Layout kFolder[] = {
    {"images", "", "masks", kAnyMask, "", "", kListed},
    {"{split}/images", "", "{split}/masks", kAnyMask, "", "test", kListed},
};
constexpr Layout kListedFolder[] = {
    {"images", "", "masks", kAnyMask, "{split}.txt", "test", kListed},
    {"images", "", "masks", kAnyMask, "", "", kListed},
};

constexpr std::string_view kVocPlaces[] = {"VOCdevkit/VOC2012", "VOC2012"};
constexpr std::string_view kContextPlaces[] = {"VOCdevkit/VOC2010", "VOC2010"};
constexpr std::string_view kObjectPlaces[] = {"coco_object", "coco_stuff164k", "coco"};
constexpr std::string_view kStuffPlaces[] = {"coco_stuff164k", "coco"};
constexpr std::string_view kStuff10kPlaces[] = {"coco_stuff10k"};
constexpr std::string_view kAdePlaces[] = {"ade/ADEChallengeData2016", "ADEChallengeData2016"};
constexpr std::string_view kCityscapesPlaces[] = {"cityscapes"};
constexpr std::string_view kCamvidPlaces[] = {"camvid", "CamVid"};
constexpr std::string_view kMsrcPlaces[] = {"msrc_v2", "msrc"};
constexpr std::string_view kFacadePlaces[] = {"labelmefacade"};

constexpr std::string_view kVoc21Names[] = {"voc", "voc2012", "pascal_voc"};
constexpr std::string_view kContext60Names[] = {"context", "pascal_context60"};
constexpr std::string_view kContext59Names[] = {"pascal_context59"};
constexpr std::string_view kObjectNames[] = {"object"};
constexpr std::string_view kStuffNames[] = {"coco_stuff", "stuff"};
constexpr std::string_view kAdeNames[] = {"ade"};
constexpr std::string_view kCityscapesNames[] = {"city", "city_scapes"};
constexpr std::string_view kMsrcNames[] = {"msrc"};

constexpr std::array kKinds = {
    DataSetKind{"voc21", "VOC21", kVoc21Names, "voc21", "voc21", 0, kVocPlaces, kVoc21},
    DataSetKind{"context60", "Context60", kContext60Names, "context60", "context60", 0, kContextPlaces, kContext60},
    DataSetKind{"coco_object", "COCO-Object", kObjectNames, "coco_object", "coco_object", 0, kObjectPlaces,
                kCocoObject},
    DataSetKind{"voc20", "VOC20", {}, "voc20", "voc20", 0, kVocPlaces, kVoc20},
    DataSetKind{"cityscapes", "Cityscapes", kCityscapesNames, "cityscapes", "cityscapes", 0, kCityscapesPlaces,
                kCityscapes},
    DataSetKind{"context59", "Context59", kContext59Names, "context59", "context59", 0, kContextPlaces, kContext59},
    DataSetKind{"ade20k", "ADE20K", kAdeNames, "ade20k", "ade20k", 0, kAdePlaces, kAde20k},
    DataSetKind{"coco_stuff164k", "COCO-Stuff", kStuffNames, "coco_stuff", "coco_stuff", 0, kStuffPlaces,
                kCocoStuff164k},
    DataSetKind{"coco_stuff10k", "COCO-Stuff10k", {}, "coco_stuff", "coco_stuff", 336, kStuff10kPlaces, kCocoStuff10k},
    DataSetKind{"camvid", "CamVid", {}, "", "", 0, kCamvidPlaces, kSplitFolder},
    DataSetKind{"msrc_v2", "MSRC v2", kMsrcNames, "", "", 0, kMsrcPlaces, kFolder},
    DataSetKind{"labelmefacade", "LabelMeFacade", {}, "", "", 0, kFacadePlaces, kListedFolder},
    DataSetKind{"folder", "folder", {}, "", "", 0, {}, kFolder},
};

}  // namespace

std::span<const DataSetKind> data_set_kinds() {
  return kKinds;
}

const DataSetKind& find_data_set_kind(std::string_view name) {
  for (const DataSetKind& kind : kKinds) {
    if (std::find(kind.aliases.begin(), kind.aliases.end(), name) != kind.aliases.end()) return kind;
  }
  return find_named(kKinds, name, "there is no data set");
}

}  // namespace sclip
