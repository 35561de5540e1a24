// Pictures of an evaluation: which class is taken for which, and a photo beside what it is and what was said of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "evaluation/confusion.h"
#include "evaluation/ground_truth.h"
#include "io/image.h"

namespace sclip {

// A row for each true class, a column for each predicted one; the darker, the larger the share of the row's pixels.
// A last column is what was given no class, where there is such.
Image draw_confusion(const Confusion& confusion, std::span<const std::string> class_names, const std::string& title);

// The photo, its truth and the prediction in one row, with the names of what is there; every n-th pixel of what is
// wider than 640. The shares in the legend are those of the truth. All have the photo's size.
Image draw_comparison(ImageView photo, const GroundTruth& truth, std::span<const uint16_t> predicted,
                      std::span<const std::string> class_names, const std::string& title);

}  // namespace sclip
