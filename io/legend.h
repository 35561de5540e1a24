// Legend: a panel below or beside a photo that tells which colour is which class, and its share of the photo.
//
// Largest class first; classes without a pixel are left out; what does not fit becomes "+ n more". Letters grow with
// the photo. Wide photos get the panel below, tall ones on the right.
//
// A name is drawn in the font that is compiled in, else in fonts of the system; where these lack a character of it,
// "class 3" stands instead.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/canvas.h"
#include "io/system_text.h"

namespace sclip {

struct LegendEntry {
  std::string name;  // UTF-8
  Rgb color;
  double share = 0;  // of the photo, 0 … 1
  size_t id = 0;     // the mask's value
};

class Legend {
 public:
  Legend(int photo_width, int photo_height, std::vector<LegendEntry> entries);

  // Size of photo and panel together, at least the photo's. The photo's place is the top left corner.
  int width() const { return width_; }
  int height() const { return height_; }
  // Paints all of a canvas of that size but the photo's place.
  void draw(const Canvas& canvas) const;

 private:
  struct Entry {
    LegendEntry facts;
    double width = 0;                // of the name in pixels
    std::optional<SystemLine> line;  // a name that the font compiled in cannot draw
  };

  Entry measure(LegendEntry entry);
  // Cut shorter where it is wider than the limit.
  void fit(Entry& entry, double limit);
  // Rows, columns and cells for names of at most `longest_name` ems.
  void arrange(const std::vector<Entry>& entries, double longest_name);
  void draw_name(const Canvas& canvas, const Entry& entry, double x, int top, int baseline) const;

  std::vector<Entry> entries_;  // those shown
  size_t hidden_ = 0;           // those that are not
  std::unique_ptr<SystemText> system_;
  int photo_width_, photo_height_;
  int width_, height_;
  double em_;           // text size in pixels
  bool below_;          // or beside
  int rows_, columns_;  // of entries
  int cell_width_;
};

}  // namespace sclip
