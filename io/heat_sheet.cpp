#include "io/heat_sheet.h"

#include <algorithm>
#include <cmath>

#include "io/canvas.h"
#include "io/color_map.h"
#include "io/dark_panel.h"
#include "io/text.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr Rgb kEdge{255, 255, 255};
constexpr double kTitleSize = 15, kNoteSize = 12;
constexpr int kMargin = 12;               // around and between cells
constexpr int kTitle = 24, kNote = 20;    // heights of the lines above and below a photo
constexpr int kBar = 14, kBarLabel = 78;  // widths

int rows_of(const HeatSheet& sheet) {
  return (static_cast<int>(sheet.cells.size()) + sheet.columns - 1) / sheet.columns;
}

uint8_t grey_of(const uint8_t* rgb) {
  return static_cast<uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
}

void draw_photo(const Canvas& canvas, HeatPlace at, ImageView photo, const std::vector<float>& heat) {
  for (int y = 0; y < photo.height; ++y) {
    const uint8_t* from = photo.row(y);
    uint8_t* to = canvas.at(at.x, at.y + y);
    for (int x = 0; x < photo.width; ++x, from += 3, to += 3) {
      const float share = heat[static_cast<size_t>(y) * static_cast<size_t>(photo.width) + static_cast<size_t>(x)];
      if (std::isnan(share)) {
        for (int c = 0; c < 3; ++c) to[c] = from[c] / 2;
        continue;
      }
      const int grey = grey_of(from);
      const Rgb color = heat_color(share);
      const int over[3] = {color.r, color.g, color.b};
      for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>((grey + 2 * over[c] + 1) / 3);
    }
  }
}

void draw_marker(const Canvas& canvas, int x, int y, int size, Rgb color) {
  const int edge = std::max(1, size / 5), whole = size + 2 * edge;
  fill_rounded_square(canvas, x - whole / 2, y - whole / 2, whole, whole / 2.0, kEdge);
  fill_rounded_square(canvas, x - whole / 2 + edge, y - whole / 2 + edge, size, size / 2.0, color);
}

void draw_line(const Canvas& canvas, int x, int baseline, int width, double size, const std::string& text, Rgb color) {
  const TextStyle style(size);
  style.draw(canvas, x, baseline, style.shortened(text, width), color);
}

void draw_bar(const Canvas& canvas, int x, int y, int height, const HeatSheet& sheet) {
  for (int row = 0; row < height; ++row) {
    fill_rectangle(canvas, x, y + row, kBar, 1, heat_color(1.0 - row / std::max(1.0, height - 1.0)));
  }
  const TextStyle style(kNoteSize);
  const int label = x + kBar + 6, width = canvas.width - kMargin / 2 - label;
  const auto cap = static_cast<int>(std::lround(style.cap_height()));
  draw_line(canvas, label, y + cap, width, kNoteSize, sheet.highest, kPanelNote);
  draw_line(canvas, label, y + height, width, kNoteSize, sheet.lowest, kPanelNote);
}

}  // namespace

HeatPlace place_of_cell(const HeatSheet& sheet, size_t cell) {
  const int column = static_cast<int>(cell) % sheet.columns, row = static_cast<int>(cell) / sheet.columns;
  return {kMargin + column * (sheet.photo.width + kMargin),
          kMargin + row * (kTitle + sheet.photo.height + kNote) + kTitle};
}

Image draw_heat_sheet(const HeatSheet& sheet) {
  check_rgb(sheet.photo, "the photo under a heat map");
  SCLIP_CHECK(!sheet.cells.empty() && sheet.columns >= 1, kInvalidArgument, "a sheet of ", sheet.cells.size(),
              " heat maps in ", sheet.columns, " columns: nothing to draw");
  const int w = sheet.photo.width, h = sheet.photo.height;
  const size_t pixels = static_cast<size_t>(w) * static_cast<size_t>(h);
  for (const HeatCell& cell : sheet.cells) {
    SCLIP_CHECK(cell.heat.size() == pixels, kInvalidArgument, "a heat map of ", cell.heat.size(),
                " values over a photo of ", w, "×", h, " pixels");
  }
  Image picture(kMargin + sheet.columns * (w + kMargin) + kBar + kBarLabel,
                2 * kMargin + rows_of(sheet) * (kTitle + h + kNote));
  const Canvas canvas{picture.rgb.data(), picture.width, picture.height, static_cast<size_t>(picture.width) * 3};
  fill_rectangle(canvas, 0, 0, canvas.width, canvas.height, kPanel);
  const int marker = std::max(5, std::max(w, h) / 50);
  for (size_t i = 0; i < sheet.cells.size(); ++i) {
    const HeatCell& cell = sheet.cells[i];
    const HeatPlace at = place_of_cell(sheet, i);
    draw_line(canvas, at.x, at.y - 8, w, kTitleSize, cell.title, kPanelText);
    draw_photo(canvas, at, sheet.photo, cell.heat);
    draw_line(canvas, at.x, at.y + h + 15, w, kNoteSize, cell.note, kPanelNote);
    // What sticks out of the photo is cut off.
    const Canvas photo{canvas.at(at.x, at.y), w, h, canvas.stride};
    for (const HeatMarker& m : cell.markers) draw_marker(photo, m.x, m.y, marker, m.color);
  }
  draw_bar(canvas, kMargin + sheet.columns * (w + kMargin), kMargin + kTitle, h, sheet);
  return picture;
}

}  // namespace sclip
