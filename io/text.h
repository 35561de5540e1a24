// Text on a canvas, in the one font that is compiled in (a subset of DejaVu Sans: Latin, Greek, Cyrillic).
#pragma once

#include <string>
#include <string_view>

#include "io/canvas.h"

namespace sclip {

// A size of the font. Text is UTF-8; a character the font lacks, or a byte that is not UTF-8, is left out.
class TextStyle {
 public:
  explicit TextStyle(double pixels);  // height of an em

  // Whether the font has all of a text.
  static bool covers(std::string_view text);

  double width(std::string_view text) const;
  // Text that is too wide loses its end to "…".
  std::string shortened(std::string_view text, double width) const;
  double cap_height() const { return cap_height_; }
  // (x, baseline) is where the first character stands.
  void draw(const Canvas& canvas, double x, int baseline, std::string_view text, Rgb color) const;

 private:
  double scale_;
  double cap_height_;
};

}  // namespace sclip
