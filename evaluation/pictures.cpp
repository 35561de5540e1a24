#include "evaluation/pictures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "io/canvas.h"
#include "io/legend.h"
#include "io/text.h"
#include "results/class_style.h"

namespace sclip {
namespace {

constexpr Rgb kPaper = {255, 255, 255}, kInk = {33, 33, 33}, kGrid = {214, 214, 214};

Canvas canvas_of(Image& image) {
  return {image.rgb.data(), image.width, image.height, static_cast<size_t>(image.width) * 3};
}

Image blank(int width, int height) {
  Image image(width, height);
  fill_rectangle(canvas_of(image), 0, 0, width, height, kPaper);
  return image;
}

// From white over blue to nearly black; the square root lets small shares be seen.
Rgb heat(double share) {
  const double t = std::sqrt(std::clamp(share, 0.0, 1.0));
  const auto channel = [&](double middle, double end) {
    const double value = t < 0.5 ? 255 + (middle - 255) * 2 * t : middle + (end - middle) * (2 * t - 1);
    return static_cast<uint8_t>(std::lround(value));
  };
  return {channel(107, 8), channel(174, 29), channel(214, 88)};
}

std::string short_percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.0f", 100 * share);
  return text;
}

std::string row_name(size_t id, const std::string& name) {
  return std::to_string(id) + "  " + (TextStyle::covers(name) ? name : "class");
}

void draw_centred(const Canvas& canvas, const TextStyle& style, int x, int width, int baseline, const std::string& text,
                  Rgb color) {
  style.draw(canvas, x + (width - style.width(text)) / 2, baseline, text, color);
}

}  // namespace

Image draw_confusion(const Confusion& confusion, std::span<const std::string> class_names, const std::string& title) {
  const size_t rows = confusion.classes();
  int64_t without_class = 0;
  for (size_t i = 0; i < rows; ++i) without_class += confusion.at(i, rows);
  const size_t columns = rows + (without_class > 0 ? 1 : 0);
  const int cell = std::clamp(1000 / static_cast<int>(std::max<size_t>(rows, 1)), 9, 40);
  const TextStyle small(std::clamp(cell * 0.6, 7.0, 14.0)), large(16);
  constexpr int kMargin = 12, kTitle = 48;
  double longest = 0;
  for (size_t i = 0; i < rows; ++i) longest = std::max(longest, small.width(row_name(i, class_names[i])));
  const int left = kMargin + std::min(240, static_cast<int>(std::ceil(longest)) + 8);
  const int top = kTitle + 20;
  constexpr std::string_view kMeaning = "rows: what it is; columns: what was said, by number";
  const int width = std::max(left + cell * static_cast<int>(columns),
                             static_cast<int>(std::max(large.width(title), TextStyle(12).width(kMeaning)))) +
                    2 * kMargin;
  Image image = blank(width, top + cell * static_cast<int>(rows) + kMargin);
  const Canvas canvas = canvas_of(image);
  large.draw(canvas, kMargin, 22, title, kInk);
  TextStyle(12).draw(canvas, kMargin, 40, kMeaning, kInk);
  const int drop = static_cast<int>(std::lround(small.cap_height() / 2));
  // Numbers of columns that would touch each other are thinned out.
  const int wide = static_cast<int>(small.width(std::to_string(columns))) + 4;
  const size_t every = static_cast<size_t>((wide + cell - 1) / cell);
  for (size_t said = 0; said < columns; said += every) {
    const std::string text = said == rows ? "none" : std::to_string(said);
    draw_centred(canvas, small, left + cell * static_cast<int>(said), cell, top - 6, text, kInk);
  }
  for (size_t is = 0; is < rows; ++is) {
    const int y = top + cell * static_cast<int>(is);
    const std::string name = small.shortened(row_name(is, class_names[is]), left - kMargin - 4);
    small.draw(canvas, kMargin, y + cell / 2 + drop, name, kInk);
    const int64_t all = confusion.of_truth(is);
    for (size_t said = 0; said < columns; ++said) {
      const int x = left + cell * static_cast<int>(said);
      const double share = all == 0 ? 0 : static_cast<double>(confusion.at(is, said)) / static_cast<double>(all);
      fill_rectangle(canvas, x, y, cell, cell, is == said ? kInk : kGrid);  // the diagonal has a dark frame
      fill_rectangle(canvas, x + 1, y + 1, cell - 1 - (is == said), cell - 1 - (is == said), heat(share));
      if (cell >= 22 && share >= 0.005) {
        draw_centred(canvas, small, x, cell, y + cell / 2 + drop, short_percent(share), share > 0.25 ? kPaper : kInk);
      }
    }
  }
  return image;
}

Image draw_comparison(ImageView photo, const GroundTruth& truth, std::span<const uint16_t> predicted,
                      std::span<const std::string> class_names, const std::string& title) {
  constexpr int kWidest = 640, kGap = 6, kCaption = 26;
  const int step = (photo.width + kWidest - 1) / kWidest;
  const int width = (photo.width + step - 1) / step, height = (photo.height + step - 1) / step;
  const std::vector<ClassStyle> styles = class_styles(class_names);

  std::vector<int64_t> is(class_names.size()), said(class_names.size());
  int64_t counted = 0;
  for (size_t i = 0; i < predicted.size(); ++i) {
    if (predicted[i] < said.size()) ++said[predicted[i]];
    if (truth.labels[i] == kIgnoredLabel) continue;
    ++is[truth.labels[i]];
    ++counted;
  }
  std::vector<LegendEntry> entries;
  for (size_t i = 0; i < class_names.size(); ++i) {
    if (is[i] == 0 && said[i] == 0) continue;
    const double share = counted == 0 ? 0 : static_cast<double>(is[i]) / static_cast<double>(counted);
    entries.push_back({class_names[i], styles[i].color, share, i});
  }
  const int row_width = 3 * width + 2 * kGap, row_height = height + kCaption;
  const Legend legend(row_width, row_height, std::move(entries));
  Image image = blank(legend.width(), legend.height());
  const Canvas canvas = canvas_of(image);
  const auto color = [&](uint16_t label) { return label < styles.size() ? styles[label].color : kIgnoredColor; };
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const int from_x = x * step, from_y = y * step;
      const size_t pixel = static_cast<size_t>(from_y) * static_cast<size_t>(photo.width) + static_cast<size_t>(from_x);
      const uint8_t* rgb = photo.row(from_y) + int64_t{from_x} * 3;
      const std::array<Rgb, 3> colors = {Rgb{rgb[0], rgb[1], rgb[2]}, color(truth.labels[pixel]),
                                         color(predicted[pixel])};
      for (int panel = 0; panel < 3; ++panel) {
        uint8_t* to = canvas.at(panel * (width + kGap) + x, kCaption + y);
        const Rgb c = colors[static_cast<size_t>(panel)];
        to[0] = c.r, to[1] = c.g, to[2] = c.b;
      }
    }
  }
  const TextStyle style(14);
  const std::array<std::string, 3> captions = {"photo", "truth", title};
  for (int panel = 0; panel < 3; ++panel) {
    const auto& caption = captions[static_cast<size_t>(panel)];
    style.draw(canvas, panel * (width + kGap) + 4, 18, style.shortened(caption, width - 8), kInk);
  }
  legend.draw(canvas);
  return image;
}

}  // namespace sclip
