// The picture for people: the photo under the colours of its classes, with borders and a legend.
#pragma once

#include <span>
#include <string>

#include "io/image.h"
#include "io/palette.h"
#include "io/png_write.h"

namespace sclip {

struct OverlayClass {
  std::string name;
  Rgb color;
  double share = 0;       // of the photo, 0 … 1
  uint8_t opacity = 128;  // of the colour on the photo, 0 … 255
  size_t id = 0;          // the mask's value
};

// Labels without a class (≥ classes.size()) show the bare photo; `no_class` is their row of the legend.
Image draw_overlay(ImageView photo, LabelView labels, std::span<const OverlayClass> classes, ThreadPool& pool,
                   bool legend = true, const OverlayClass* no_class = nullptr);

}  // namespace sclip
