#include "io/legend.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "io/dark_panel.h"
#include "io/text.h"

namespace sclip {
namespace {

// All lengths in ems, so that a legend looks the same at every size.
constexpr double kAround = 1.1;     // around the entries
constexpr double kLine = 1.75;      // from one baseline to the next
constexpr double kSwatch = 1.05;    // side of the colour square
constexpr double kGap = 0.55;       // between square, name and share
constexpr double kColumnGap = 1.8;  // between columns
constexpr double kLongestName[] = {16, 11, 7.5};
constexpr size_t kMostEntries = 2048;  // that are measured: more than the largest photo has room for

int pixels(double ems, double em) {
  return static_cast<int>(std::lround(ems * em));
}

double text_size(int photo_width, int photo_height) {
  return std::max(12.0, 0.023 * std::sqrt(static_cast<double>(photo_width) * photo_height) + 5);
}

std::string share_text(double share) {
  char text[16];
  const double percent = 100 * share;
  if (percent >= 9.95) {
    std::snprintf(text, sizeof text, "%.0f%%", percent);
  } else if (percent >= 0.05) {
    std::snprintf(text, sizeof text, "%.1f%%", percent);
  } else {
    return "<0.1%";
  }
  return text;
}

}  // namespace

Legend::Legend(int photo_width, int photo_height, std::vector<LegendEntry> classes)
    : photo_width_(photo_width),
      photo_height_(photo_height),
      em_(text_size(photo_width, photo_height)),
      below_(photo_width >= photo_height) {
  std::erase_if(classes, [](const LegendEntry& e) { return !(e.share > 0); });
  std::stable_sort(classes.begin(), classes.end(),
                   [](const LegendEntry& a, const LegendEntry& b) { return a.share > b.share; });
  const size_t shown = classes.size();
  classes.resize(std::min(shown, kMostEntries));
  std::vector<Entry> entries;
  for (LegendEntry& entry : classes) entries.push_back(measure(std::move(entry)));
  // Names are cut shorter only when that makes room for more classes.
  double chosen = 0;
  int most = 0;
  for (const double longest : kLongestName) {
    arrange(entries, longest);
    if (rows_ * columns_ <= most) continue;
    most = rows_ * columns_;
    chosen = longest;
    if (static_cast<size_t>(most) >= entries.size()) break;
  }
  arrange(entries, chosen);
  const auto room = static_cast<size_t>(rows_) * static_cast<size_t>(columns_);
  if (shown > room) {  // the last place tells how many are missing
    entries.resize(std::min(entries.size(), room - 1));
    hidden_ = shown - entries.size();
  }
  for (Entry& entry : entries) fit(entry, chosen * em_);
  entries_ = std::move(entries);

  const int margins = 2 * pixels(kAround, em_), line = pixels(kLine, em_), gap = pixels(kColumnGap, em_);
  const int panel_width = margins + columns_ * (cell_width_ + gap) - gap;
  const int panel_height = margins + rows_ * line;
  width_ = below_ ? std::max(photo_width, panel_width) : photo_width + panel_width;
  height_ = below_ ? photo_height + panel_height : std::max(photo_height, panel_height);
}

Legend::Entry Legend::measure(LegendEntry entry) {
  Entry out{.facts = std::move(entry), .width = 0, .line = std::nullopt};
  std::string& name = out.facts.name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, ' ');
  if (!TextStyle::covers(name)) {
    if (system_ == nullptr) system_ = std::make_unique<SystemText>(em_);
    out.line = system_->shape(name, kLongestName[0] * em_);
    if (out.line) {
      out.width = out.line->width;
      return out;
    }
    name = "class " + std::to_string(out.facts.id);
  }
  out.width = TextStyle(em_).width(name);
  return out;
}

void Legend::fit(Entry& entry, double limit) {
  if (entry.width <= limit) return;
  if (entry.line) {
    entry.line = system_->shape(entry.facts.name, limit);
    if (entry.line) return;
  }
  entry.facts.name = TextStyle(em_).shortened(entry.facts.name, limit);
}

void Legend::draw_name(const Canvas& canvas, const Entry& entry, double x, int top, int baseline) const {
  if (!entry.line) {
    TextStyle(em_).draw(canvas, x, baseline, entry.facts.name, kPanelText);
    return;
  }
  // Marks can be stacked to any height: they end where the line does.
  const int line = std::min(pixels(kLine, em_), canvas.height - top), left = static_cast<int>(x);
  const int width = std::min(cell_width_, canvas.width - left);
  if (line <= 0 || width <= 0) return;
  const Canvas cell{canvas.at(left, top), width, line, canvas.stride};
  system_->draw(cell, x - left, baseline - top, *entry.line, kPanelText);
}

void Legend::arrange(const std::vector<Entry>& entries, double longest_name) {
  const TextStyle style(em_);
  double widest = style.width("+ 99 more");
  for (const Entry& entry : entries) widest = std::max(widest, std::min(entry.width, longest_name * em_));
  cell_width_ = static_cast<int>(std::ceil((kSwatch + 2 * kGap) * em_ + widest + style.width("<0.1%")));

  const int margins = 2 * pixels(kAround, em_), line = pixels(kLine, em_), gap = pixels(kColumnGap, em_);
  const int count = std::max(1, static_cast<int>(entries.size()));
  if (below_) {
    columns_ = std::clamp((photo_width_ - margins + gap) / (cell_width_ + gap), 1, count);
    const int most_rows = std::max(3, static_cast<int>(0.4 * photo_height_) / line);
    rows_ = std::min((count + columns_ - 1) / columns_, most_rows);
    columns_ = (std::min(count, rows_ * columns_) + rows_ - 1) / rows_;
  } else {
    columns_ = 1;
    rows_ = std::min(count, std::max(3, (photo_height_ - margins) / line));
  }
}

void Legend::draw(const Canvas& canvas) const {
  fill_rectangle(canvas, photo_width_, 0, width_ - photo_width_, photo_height_, kPanel);
  fill_rectangle(canvas, 0, photo_height_, width_, height_ - photo_height_, kPanel);

  const TextStyle style(em_);
  const int margin = pixels(kAround, em_), line = pixels(kLine, em_), swatch = pixels(kSwatch, em_);
  // Columns spread over the width of the panel.
  const int panel_x = below_ ? 0 : photo_width_;
  const int panel_y = below_ ? photo_height_ : 0;
  const int spare = width_ - panel_x - 2 * margin - columns_ * cell_width_;
  const int gap = columns_ > 1 ? std::min(spare / (columns_ - 1), pixels(4 * kColumnGap, em_)) : 0;
  const auto place = [&](size_t i) {
    const int column = static_cast<int>(i) / rows_, row = static_cast<int>(i) % rows_;
    return std::pair(panel_x + margin + column * (cell_width_ + gap), panel_y + margin + row * line);
  };
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const auto [x, top] = place(i);
    const int baseline = top + static_cast<int>(std::lround((line + style.cap_height()) / 2));
    fill_rounded_square(canvas, x, top + (line - swatch) / 2, swatch, 0.28 * swatch, entry.facts.color);
    draw_name(canvas, entry, x + (kSwatch + kGap) * em_, top, baseline);
    const std::string share = share_text(entry.facts.share);
    style.draw(canvas, x + cell_width_ - style.width(share), baseline, share, kPanelNote);
  }
  if (hidden_ > 0) {
    const auto [x, top] = place(entries_.size());
    const int baseline = top + static_cast<int>(std::lround((line + style.cap_height()) / 2));
    style.draw(canvas, x + (kSwatch + kGap) * em_, baseline, "+ " + std::to_string(hidden_) + " more", kPanelNote);
  }
}

}  // namespace sclip
