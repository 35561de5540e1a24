// Plots: curves with axes, for people who look at a file. Any number of panels side by side.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "io/image.h"
#include "io/palette.h"

namespace sclip {

struct PlotLine {
  std::string name;          // shown in the legend; empty: not there
  std::vector<double> x, y;  // as many of each, x ascending; a value that is not finite breaks the line
  Rgb color;
  double width = 1.5;  // pixels
};

// A dot with a text beside it.
struct PlotMark {
  double x = 0, y = 0;
  std::string text;
  Rgb color;
};

struct Plot {
  std::string title;
  std::string x_label, y_label;
  std::vector<PlotLine> lines;
  std::vector<PlotMark> marks;
};

// `panel_width` × `panel_height` pixels each. Throws kInvalidArgument for no plot, a panel below 160 × 120 or above
// 8192 × 8192, and lines whose x and y differ in number.
Image draw_plots(std::span<const Plot> plots, int panel_width = 640, int panel_height = 440);

}  // namespace sclip
