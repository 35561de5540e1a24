// A photo's masks as a COCO data set of one image, which pycocotools reads: COCO("rle.json").
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "results/run_facts.h"

namespace sclip {

// Categories are all classes, with the ids of the mask, and the label of ignored pixels where there is one; annotations
// are those that have pixels, one each.
nlohmann::ordered_json coco_json(const RunFacts& run, const PhotoFacts& photo, const ClassList& classes,
                                 const Segmentation& segmentation);

}  // namespace sclip
