#include "results/coco_json.h"

#include <nlohmann/json.hpp>

#include "results/rle.h"

namespace sclip {

using Json = nlohmann::ordered_json;

Json coco_json(const RunFacts& run, const PhotoFacts& photo, const ClassList& classes,
               const Segmentation& segmentation) {
  constexpr int kImageId = 1;
  Json categories = Json::array();
  for (size_t i = 0; i < classes.class_names().size(); ++i) {
    categories.push_back({{"id", i}, {"name", classes.class_names()[i]}});
  }
  const std::optional<int> ignored = run.options.ignore_label;
  if (ignored) categories.push_back({{"id", *ignored}, {"name", run.ignore_name}});
  Json annotations = Json::array();
  for (ClassRle& rle : encode_rle({segmentation.labels.data(), segmentation.width, segmentation.height})) {
    const bool has_class = rle.label < classes.size();
    annotations.push_back({
        {"id", annotations.size() + 1},  // pycocotools takes 0 for none
        {"image_id", kImageId},
        {"category_id", rle.label},
        {"category_name", has_class ? classes.class_names()[rle.label] : run.ignore_name},
        {"segmentation", {{"size", {segmentation.height, segmentation.width}}, {"counts", std::move(rle.counts)}}},
        {"area", rle.area},
        {"bbox", {rle.x, rle.y, rle.width, rle.height}},
        {"iscrowd", 0},
        {"score", (has_class ? segmentation.classes[rle.label] : segmentation.ignored).mean_score},
    });
  }
  Json image = {{"id", kImageId},
                {"file_name", photo.path.filename().string()},
                {"width", segmentation.width},
                {"height", segmentation.height}};
  return {
      {"info", {{"software", "sclip"}}},  // kJsonMark
      {"images", Json::array({std::move(image)})},
      {"categories", std::move(categories)},
      {"annotations", std::move(annotations)},
  };
}

}  // namespace sclip
