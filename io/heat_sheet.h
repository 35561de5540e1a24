// HeatSheet: one photo several times, each under a heat map of its own, with what the colours mean.
#pragma once

#include <string>
#include <vector>

#include "io/image.h"
#include "io/palette.h"

namespace sclip {

struct HeatMarker {
  int x = 0, y = 0;  // in the cell's photo
  Rgb color;
};

struct HeatCell {
  std::string title;                  // above; UTF-8, shortened where it is too long
  std::string note;                   // below
  std::vector<float> heat;            // (h, w) of the photo: 0 … 1 of the colours; NaN: no value, the photo darkened
  std::vector<HeatMarker> markers{};  // discs with a white edge
};

struct HeatSheet {
  ImageView photo;              // (h, w), RGB: of every cell
  std::vector<HeatCell> cells;  // row by row
  int columns = 1;              // cells side by side
  std::string lowest, highest;  // what the ends of the bar of colours stand for
};

// Where the photo of a cell lies in the picture.
struct HeatPlace {
  int x = 0, y = 0;
};
HeatPlace place_of_cell(const HeatSheet& sheet, size_t cell);

// A value's colour lies with 2/3 on the photo's grey.
Image draw_heat_sheet(const HeatSheet& sheet);

}  // namespace sclip
