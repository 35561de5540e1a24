#include "io/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "io/canvas.h"
#include "io/text.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr Rgb kPaper{255, 255, 255}, kInk{40, 42, 48}, kFaint{226, 228, 232}, kAxis{110, 115, 125};
constexpr double kTextSize = 13, kPlotTitle = 15;
constexpr int kLeft = 62, kRight = 18, kTop = 54, kBottom = 46;  // margins of the axes within a panel
constexpr int kTicks = 6;                                        // about

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // A range that has an extent, whatever it was.
  Range settled() const {
    if (!(low <= high)) return {0, 1};
    const double room = high > low ? 0.04 * (high - low) : std::max(1.0, std::abs(high)) * 0.05;
    return {low - room, high + room};
  }
};

// 1, 2 or 5 times a power of ten.
double tick_step(const Range& range) {
  const double rough = (range.high - range.low) / kTicks, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

std::vector<double> ticks(const Range& range, double step) {
  std::vector<double> out;
  const double first = std::ceil(range.low / step);
  for (int i = 0; i < 4 * kTicks && (first + i) * step <= range.high; ++i) out.push_back((first + i) * step);
  return out;
}

std::string tick_text(double value, double step) {
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, std::abs(value) < step * 1e-6 ? 0.0 : value);
  return text;
}

// A line with round ends and smooth edges: a pixel's coverage is by its distance from the line.
void draw_segment(const Canvas& canvas, double x0, double y0, double x1, double y1, double width, Rgb color) {
  const double reach = width / 2 + 1, dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy;
  const int left = static_cast<int>(std::floor(std::min(x0, x1) - reach)),
            right = static_cast<int>(std::ceil(std::max(x0, x1) + reach)),
            top = static_cast<int>(std::floor(std::min(y0, y1) - reach)),
            bottom = static_cast<int>(std::ceil(std::max(y0, y1) + reach));
  for (int y = std::max(0, top); y <= std::min(canvas.height - 1, bottom); ++y) {
    for (int x = std::max(0, left); x <= std::min(canvas.width - 1, right); ++x) {
      const double px = x + 0.5 - x0, py = y + 0.5 - y0;
      const double along = length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0.0, 1.0) : 0.0;
      const double distance = std::hypot(px - along * dx, py - along * dy);
      const double inside = std::clamp(width / 2 + 0.5 - distance, 0.0, 1.0);
      if (inside > 0) blend_pixel(canvas, x, y, color, static_cast<int>(std::lround(255 * inside)));
    }
  }
}

class Panel {
 public:
  Panel(const Plot& plot, const Canvas& canvas, int x, int width, int height)
      : plot_(plot),
        canvas_(canvas),
        left_(x + kLeft),
        right_(x + width - kRight),
        top_(kTop),
        bottom_(height - kBottom),
        start_(x) {
    Range across, up;
    for (const PlotLine& line : plot.lines) {
      for (size_t i = 0; i < line.x.size(); ++i) {
        if (!std::isfinite(line.y[i])) continue;
        across.add(line.x[i]);
        up.add(line.y[i]);
      }
    }
    for (const PlotMark& mark : plot.marks) {
      across.add(mark.x);
      up.add(mark.y);
    }
    across_ = across.settled();
    up_ = up.settled();
  }

  void draw() const {
    const TextStyle title(kPlotTitle);
    title.draw(canvas_, left_, 22, title.shortened(plot_.title, right_ - left_), kInk);
    draw_axes();
    for (const PlotLine& line : plot_.lines) draw_line(line);
    for (size_t i = 0; i < plot_.marks.size(); ++i) draw_mark(plot_.marks[i], i % 2 == 1);
    draw_legend();
  }

 private:
  double column(double x) const { return left_ + (right_ - left_) * (x - across_.low) / (across_.high - across_.low); }
  double row(double y) const { return bottom_ - (bottom_ - top_) * (y - up_.low) / (up_.high - up_.low); }

  void draw_axes() const {
    const TextStyle text(kTextSize);
    const int half = static_cast<int>(text.cap_height() / 2);
    const double step_x = tick_step(across_), step_y = tick_step(up_);
    for (const double x : ticks(across_, step_x)) {
      const int at = static_cast<int>(column(x));
      fill_rectangle(canvas_, at, top_, 1, bottom_ - top_, kFaint);
      const std::string label = tick_text(x, step_x);
      text.draw(canvas_, at - text.width(label) / 2, bottom_ + 17, label, kAxis);
    }
    for (const double y : ticks(up_, step_y)) {
      const int at = static_cast<int>(row(y));
      fill_rectangle(canvas_, left_, at, right_ - left_, 1, kFaint);
      const std::string label = tick_text(y, step_y);
      text.draw(canvas_, left_ - 7 - text.width(label), at + half, label, kAxis);
    }
    fill_rectangle(canvas_, left_, bottom_, right_ - left_, 1, kAxis);
    fill_rectangle(canvas_, left_, top_, 1, bottom_ - top_, kAxis);
    text.draw(canvas_, start_ + 10, top_ - 10, text.shortened(plot_.y_label, right_ - start_ - 10), kAxis);
    text.draw(canvas_, std::max<double>(left_, right_ - text.width(plot_.x_label)), bottom_ + 36, plot_.x_label, kAxis);
  }

  void draw_line(const PlotLine& line) const {
    for (size_t i = 0; i < line.x.size(); ++i) {
      if (!std::isfinite(line.y[i])) continue;
      const bool goes_on = i + 1 < line.x.size() && std::isfinite(line.y[i + 1]);
      const size_t j = goes_on ? i + 1 : i;
      if (!goes_on && i > 0 && std::isfinite(line.y[i - 1])) continue;
      draw_segment(canvas_, column(line.x[i]), row(line.y[i]), column(line.x[j]), row(line.y[j]), line.width,
                   line.color);
    }
  }

  // Texts stand above their dots and below them by turns: dots may be close together.
  void draw_mark(const PlotMark& mark, bool below) const {
    const TextStyle text(kTextSize);
    const double x = column(mark.x), y = row(mark.y), width = text.width(mark.text);
    draw_segment(canvas_, x, y, x, y, 11, kPaper);
    draw_segment(canvas_, x, y, x, y, 8, mark.color);
    const double at = x + 9 + width < right_ ? x + 9 : x - 9 - width;
    const double baseline = below ? std::min(y + 18, bottom_ - 4.0) : std::max(y - 8, top_ + 12.0);
    text.draw(canvas_, at, static_cast<int>(baseline), mark.text, mark.color);
  }

  void draw_legend() const {
    const TextStyle text(kTextSize);
    double widest = 0;
    int entries = 0;
    for (const PlotLine& line : plot_.lines) {
      if (line.name.empty()) continue;
      widest = std::max(widest, text.width(line.name));
      ++entries;
    }
    if (entries == 0) return;
    const int x = static_cast<int>(right_ - widest - 44), line_height = 18;
    int y = bottom_ - 8 - line_height * entries;
    fill_rectangle(canvas_, x - 6, y - 4, static_cast<int>(widest) + 46, line_height * entries + 6, kPaper);
    for (const PlotLine& line : plot_.lines) {
      if (line.name.empty()) continue;
      draw_segment(canvas_, x, y + line_height / 2.0, x + 24, y + line_height / 2.0, line.width, line.color);
      text.draw(canvas_, x + 32, y + line_height / 2 + static_cast<int>(text.cap_height() / 2), line.name, kInk);
      y += line_height;
    }
  }

  const Plot& plot_;
  const Canvas& canvas_;
  const int left_, right_, top_, bottom_, start_;
  Range across_, up_;
};

}  // namespace

Image draw_plots(std::span<const Plot> plots, int panel_width, int panel_height) {
  constexpr size_t kMostPanels = 64;
  SCLIP_CHECK(!plots.empty() && plots.size() <= kMostPanels, kInvalidArgument, plots.size(),
              " plots cannot be drawn: give 1 to ", kMostPanels);
  SCLIP_CHECK(panel_width >= 160 && panel_width <= 8192 && panel_height >= 120 && panel_height <= 8192,
              kInvalidArgument, "a plot of ", panel_width, "×", panel_height,
              " pixels cannot be drawn: it must have 160×120 to 8192×8192");
  for (const Plot& plot : plots) {
    for (const PlotLine& line : plot.lines) {
      SCLIP_CHECK(line.x.size() == line.y.size(), kInvalidArgument, "the line '", line.name, "' has ", line.x.size(),
                  " values of x and ", line.y.size(), " of y");
    }
  }
  Image picture(panel_width * static_cast<int>(plots.size()), panel_height);
  const Canvas canvas{picture.rgb.data(), picture.width, picture.height, static_cast<size_t>(picture.width) * 3};
  fill_rectangle(canvas, 0, 0, picture.width, picture.height, kPaper);
  int x = 0;
  for (const Plot& plot : plots) {
    Panel(plot, canvas, x, panel_width, panel_height).draw();
    x += panel_width;
  }
  return picture;
}

}  // namespace sclip
