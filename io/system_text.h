// Text in any script, in the fonts of the system: found by fontconfig, shaped by raqm (HarfBuzz and FriBidi: ligatures,
// marks, right to left), drawn by FreeType. A build without these libraries has no such text.
//
// What the process keeps is the list of the system's fonts, made when the first text asks for it, in a configuration of
// fontconfig that is this library's own. Fonts that are open belong to a SystemText.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "io/canvas.h"

namespace sclip {

struct PlacedGlyph {
  size_t font = 0;  // of the SystemText
  uint32_t index = 0;
  double x = 0;  // of its origin, in pixels from the line's
  double y = 0;  // upwards
};

struct SystemLine {
  std::vector<PlacedGlyph> glyphs;
  double width = 0;
};

// One size of text. Used by one thread at a time.
class SystemText {
 public:
  explicit SystemText(double pixels);  // height of an em
  ~SystemText();
  SystemText(const SystemText&) = delete;
  SystemText& operator=(const SystemText&) = delete;

  // Text (UTF-8) that is wider than the limit loses its end to "…", between characters as people count them.
  // None where a character has no glyph in any font that is there.
  std::optional<SystemLine> shape(std::string_view text, double limit);
  // (x, baseline) is where the line begins, at its left.
  void draw(const Canvas& canvas, double x, int baseline, const SystemLine& line, Rgb color);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sclip
