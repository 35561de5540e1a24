#include "apps/tune/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

#include "apps/console.h"
#include "apps/table.h"
#include "core/version.h"
#include "sclip/error.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

// Nothing where a number is none.
std::string percent_points(double value) {
  return std::isfinite(value) ? fixed(value, 1) + "%" : "–";
}

std::string signed_points(double value) {
  const std::string text = fixed(value, 2);
  if (text.find_first_not_of("-0.") == std::string::npos) return "0.00";
  return value > 0 ? "+" + text : text;
}

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

const char* judged_by(const TuneReport& r) {
  return r.with_masks ? "mIoU" : "same when mirrored";
}

double judged_now(const TuneReport& r) {
  return r.with_masks ? r.changes.miou_now : r.changes.same_now;
}
double judged_then(const TuneReport& r) {
  return r.with_masks ? r.changes.miou_then : r.changes.same_then;
}

std::vector<int32_t> labels_of(const std::vector<float>& cosines, int64_t pixels, const WordChoice& words,
                               const WordSetting& s) {
  PixelLabels labels = label_pixels(cosines, pixels, words, s.area_thd);
  const std::vector<double> score = score_pixels(cosines, labels, words, double{s.logit_scale});
  for (size_t i = 0; i < score.size(); ++i) {
    if (score[i] < double{s.threshold}) labels.label[i] = s.low == LowScores::kBecomeClass0 ? 0 : kNoClass;
  }
  return std::move(labels.label);
}

std::string word_table(const TuneReport& r) {
  std::vector<std::vector<std::string>> rows = {{"word", "class", "", "best on", "gain", ""}};
  for (const WordVerdict& v : r.word_result.verdicts) {
    const auto k = static_cast<size_t>(v.word);
    const auto of = static_cast<size_t>(r.words.classes.query_class()[k]);
    const std::string advice = v.given == v.suggested ? "" : v.suggested ? "take it in" : "leave it out";
    rows.push_back({r.words.classes.queries()[k], r.words.classes.class_names()[of], v.given ? "given" : "built-in",
                    percent(v.best_share), signed_points(v.gain), advice});
  }
  return format_table(rows);
}

std::string class_table(const TuneReport& r) {
  std::vector<std::vector<std::string>> rows = {{"class", "share now", "then", "changes"}};
  if (r.with_masks) rows[0].insert(rows[0].end(), {"IoU now", "then"});
  size_t hidden = 0;
  for (const ClassChange& c : r.changes.classes) {
    if (c.share_now == 0 && c.share_then == 0 && !std::isfinite(c.iou_now) && !std::isfinite(c.iou_then)) {
      ++hidden;
      continue;
    }
    rows.push_back({c.name, percent(c.share_now), percent(c.share_then), percent(c.leaves)});
    if (r.with_masks) rows.back().insert(rows.back().end(), {percent_points(c.iou_now), percent_points(c.iou_then)});
  }
  std::string out = format_table(rows);
  if (hidden > 0) out += "  (" + counted(hidden, "class") + " without a pixel)\n";
  return out;
}

}  // namespace

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=+%@";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Changes compare(std::span<const PhotoSample> photos, const WordChoice& now, const WordSetting& setting_now,
                const WordChoice& then, const WordSetting& setting_then, const std::vector<std::string>& names,
                const std::string& no_class) {
  const size_t classes = names.size();
  std::vector<int64_t> count_now(classes + 1), count_then(classes + 1), leaves(classes + 1), truth(classes);
  std::vector<int64_t> judged_now(classes), judged_then(classes), hits_now(classes), hits_then(classes);
  int64_t pixels = 0, changed = 0, same_now = 0, same_then = 0;
  const auto slot = [classes](int32_t label) { return label == kNoClass ? classes : static_cast<size_t>(label); };
  for (const PhotoSample& photo : photos) {
    const auto a = labels_of(photo.cosines, photo.pixels, now, setting_now);
    const auto b = labels_of(photo.cosines, photo.pixels, then, setting_then);
    for (size_t i = 0; i < a.size(); ++i) {
      ++count_now[slot(a[i])];
      ++count_then[slot(b[i])];
      if (a[i] != b[i]) {
        ++leaves[slot(a[i])];
        ++changed;
      }
      if (photo.truth.empty() || photo.truth[i] == kNoClass) continue;
      const auto t = static_cast<size_t>(photo.truth[i]);
      ++truth[t];
      if (a[i] != kNoClass) ++judged_now[slot(a[i])];
      if (b[i] != kNoClass) ++judged_then[slot(b[i])];
      hits_now[t] += a[i] == photo.truth[i] ? 1 : 0;
      hits_then[t] += b[i] == photo.truth[i] ? 1 : 0;
    }
    if (photo.truth.empty()) {
      const auto ma = labels_of(photo.mirrored, photo.pixels, now, setting_now);
      const auto mb = labels_of(photo.mirrored, photo.pixels, then, setting_then);
      for (size_t i = 0; i < a.size(); ++i) {
        same_now += a[i] == ma[i] ? 1 : 0;
        same_then += b[i] == mb[i] ? 1 : 0;
      }
    }
    pixels += photo.pixels;
  }
  const auto share = [pixels](int64_t n) { return static_cast<double>(n) / static_cast<double>(pixels); };
  const auto iou = [](int64_t hits, int64_t labels, int64_t truth_here) {
    const int64_t either = labels + truth_here - hits;
    return either == 0 ? std::numeric_limits<double>::quiet_NaN()
                       : 100 * static_cast<double>(hits) / static_cast<double>(either);
  };
  Changes out;
  out.changed = share(changed);
  for (size_t q = 0; q <= classes; ++q) {
    if (q == classes && count_now[q] == 0 && count_then[q] == 0) break;
    ClassChange c;
    c.name = q < classes ? names[q] : no_class;
    c.share_now = share(count_now[q]);
    c.share_then = share(count_then[q]);
    c.leaves = count_now[q] == 0 ? 0 : static_cast<double>(leaves[q]) / static_cast<double>(count_now[q]);
    const bool judged = q < classes;
    c.iou_now = judged ? iou(hits_now[q], judged_now[q], truth[q]) : std::numeric_limits<double>::quiet_NaN();
    c.iou_then = judged ? iou(hits_then[q], judged_then[q], truth[q]) : std::numeric_limits<double>::quiet_NaN();
    out.classes.push_back(std::move(c));
  }
  if (!photos.empty() && photos[0].truth.empty()) {
    out.same_now = 100 * share(same_now);
    out.same_then = 100 * share(same_then);
  } else {
    out.miou_now = mean_iou(hits_now, judged_now, truth);
    out.miou_then = mean_iou(hits_then, judged_then, truth);
  }
  return out;
}

std::string report_text(const TuneReport& r) {
  std::string out = counted(r.photos.size(), "photo") + (r.with_masks ? " with masks" : " without masks") + ", " +
                    std::to_string(r.pixels) + " pixels" + (r.every_pixel ? "" : " of a grid") + "\n\n";
  const auto scale = [&](SearchPoint p) { return short_number(double{r.space.scales[p.scale]}); };
  const auto threshold = [&](SearchPoint p) { return short_number(double{r.space.thresholds[p.threshold]}); };
  std::vector<std::vector<std::string>> rows = {{"", "now", "then"}};
  rows.push_back({"logit scale", scale(r.present), scale(r.search.best)});
  rows.push_back({"threshold", threshold(r.present), threshold(r.search.best)});
  rows.push_back({judged_by(r), percent_points(judged_now(r)), percent_points(judged_then(r))});
  if (r.search.held_out) rows.push_back({"each photo by the others' choice", "", percent_points(*r.search.held_out)});
  rows.push_back({"pixels that get another label", "", percent(r.changes.changed)});
  out += format_table(rows) + "\n" + class_table(r);
  if (r.words_sought && !r.word_result.verdicts.empty()) {
    out += "\nWords, by what " + std::string(judged_by(r)) + " gains with each (percent points)\n\n" + word_table(r);
  }
  out += "\n";
  for (const std::string& note : r.notes) out += note + "\n";
  if (r.flags.empty()) return out + "Nothing better was found: keep the flags as they are\n";
  out += "Use:";
  for (const std::string& flag : r.flags) out += " " + shell_word(flag);
  return out + "\n";
}

std::string report_json(const TuneReport& r) {
  Json words = Json::array(), classes = Json::array();
  for (const WordVerdict& v : r.word_result.verdicts) {
    const auto k = static_cast<size_t>(v.word);
    words.push_back({{"word", r.words.classes.queries()[k]},
                     {"class", r.words.classes.query_class()[k]},
                     {"given", v.given},
                     {"suggested", v.suggested},
                     {"best_share", v.best_share},
                     {"gain", number(v.gain)}});
  }
  for (size_t q = 0; q < r.changes.classes.size(); ++q) {
    const ClassChange& c = r.changes.classes[q];
    classes.push_back({{"id", q < r.words.classes.size() ? Json(q) : Json()},
                       {"name", c.name},
                       {"share_now", c.share_now},
                       {"share_then", c.share_then},
                       {"changes", c.leaves},
                       {"iou_now", r.with_masks ? number(c.iou_now) : Json()},
                       {"iou_then", r.with_masks ? number(c.iou_then) : Json()}});
  }
  const size_t levels = r.space.thresholds.size();
  Json curve = Json::array();
  for (size_t s = 0; s < r.space.scales.size(); ++s) {
    Json row = Json::array();
    for (size_t t = 0; t < levels; ++t) row.push_back(number(r.search.objective[s * levels + t]));
    curve.push_back(std::move(row));
  }
  const auto point = [&](SearchPoint p) {
    return Json{{"logit_scale", r.space.scales[p.scale]},
                {"prob_thd", r.space.thresholds[p.threshold]},
                {"objective", number(r.search.at(p, r.space))}};
  };
  const Json out = {
      {"software", "sclip"},
      {"version", version()},
      {"photos", r.photos},
      {"pixels", r.pixels},
      {"masks", r.with_masks},
      {"objective", r.with_masks ? "miou" : "survival"},
      {"now", point(r.present)},
      {"suggested", point(r.search.best)},
      {"held_out_miou", r.search.held_out ? number(*r.search.held_out) : Json()},
      {"judged_now", number(judged_now(r))},
      {"judged_then", number(judged_then(r))},
      {"changed", r.changes.changed},
      {"flags", r.flags},
      {"classes", std::move(classes)},
      {"words", std::move(words)},
      {"scales", r.space.scales},
      {"thresholds", r.space.thresholds},
      {"curve", std::move(curve)},
      {"calibration", r.search.calibration},
      {"notes", r.notes},
  };
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<Plot> report_plots(const TuneReport& r) {
  constexpr Rgb kOthers{205, 209, 216}, kNow{208, 120, 24}, kThen{28, 100, 190};
  std::vector<Plot> plots;
  const size_t levels = r.space.thresholds.size();
  const auto line = [&](size_t s) {
    PlotLine out;
    for (size_t t = 0; t < levels; ++t) {
      out.x.push_back(double{r.space.thresholds[t]});
      out.y.push_back(r.search.objective[s * levels + t]);
    }
    return out;
  };
  const auto scale_name = [&](size_t s) { return "scale " + short_number(double{r.space.scales[s]}); };
  if (levels > 1) {
    Plot plot{.title = r.with_masks ? "mIoU by threshold" : "Labels that survive mirroring, told from the others",
              .x_label = "threshold",
              .y_label = r.with_masks ? "mIoU, percent" : "kept of those that survive − kept of the others, percent",
              .lines = {},
              .marks = {}};
    for (size_t s = 0; s < r.space.scales.size(); ++s) {
      if (s == r.search.best.scale || s == r.present.scale) continue;
      plot.lines.push_back(line(s));
      plot.lines.back().color = kOthers;
      plot.lines.back().width = 1;
    }
    const auto shown = [&](size_t s, Rgb color, double width) {
      plot.lines.push_back(line(s));
      plot.lines.back().name = scale_name(s);
      plot.lines.back().color = color;
      plot.lines.back().width = width;
    };
    if (r.present.scale != r.search.best.scale) shown(r.present.scale, kNow, 1.5);
    shown(r.search.best.scale, kThen, 2.5);
    const auto mark = [&](SearchPoint p, const char* text, Rgb color) {
      plot.marks.push_back(
          {.x = double{r.space.thresholds[p.threshold]}, .y = r.search.at(p, r.space), .text = text, .color = color});
    };
    if (!(r.present == r.search.best)) mark(r.present, "now", kNow);
    mark(r.search.best, "suggested", kThen);
    plots.push_back(std::move(plot));
  }
  Plot plot{.title = r.with_masks ? "mIoU by scale, at each one's best threshold" : "How well scores tell survival",
            .x_label = "logit scale",
            .y_label = r.with_masks ? "mIoU, percent" : "mean −ln probability of the mirrored label",
            .lines = {{.name = "", .x = {}, .y = {}, .color = kThen, .width = 2.5}},
            .marks = {}};
  for (size_t s = 0; s < r.space.scales.size(); ++s) {
    const auto row = r.search.objective.begin() + static_cast<std::ptrdiff_t>(s * levels);
    plot.lines[0].x.push_back(double{r.space.scales[s]});
    plot.lines[0].y.push_back(r.with_masks ? *std::max_element(row, row + static_cast<std::ptrdiff_t>(levels))
                                           : r.search.calibration[s]);
  }
  const auto mark = [&](size_t s, const char* text, Rgb color) {
    plot.marks.push_back({.x = plot.lines[0].x[s], .y = plot.lines[0].y[s], .text = text, .color = color});
  };
  if (r.present.scale != r.search.best.scale) mark(r.present.scale, "now", kNow);
  mark(r.search.best.scale, "suggested", kThen);
  plots.push_back(std::move(plot));
  return plots;
}

}  // namespace sclip
