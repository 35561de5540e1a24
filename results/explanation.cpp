#include "results/explanation.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/version.h"
#include "io/resample.h"
#include "io/text.h"
#include "sclip/error.h"

namespace sclip {

using Json = nlohmann::ordered_json;

namespace {

constexpr int kWordColumns = 4;
constexpr int kMostColumns = 5;  // of a single point's maps

struct Range {
  float lowest = std::numeric_limits<float>::infinity(), highest = -std::numeric_limits<float>::infinity();

  void add(float low, float high) {
    lowest = std::min(lowest, low);
    highest = std::max(highest, high);
  }
  // 0 … 1; 0 where all is the same.
  float share(float value) const { return highest > lowest ? (value - lowest) / (highest - lowest) : value - lowest; }
};

Range range_of(std::span<const float> values) {
  Range range;
  for (const float value : values) range.add(value, value);
  return range;
}

std::string short_number(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", double{value});
  return text;
}

HeatMarker marker_of(PhotoPoint point, Rgb color, ImageView cell, int photo_width, int photo_height) {
  return {static_cast<int>((point.x + 0.5) * cell.width / photo_width),
          static_cast<int>((point.y + 0.5) * cell.height / photo_height), color};
}

std::vector<float> heat_of(const PatchMap& map, const Range& range, ImageView cell, int photo_width, int photo_height) {
  const MapSampler sampler(map, photo_width, photo_height);
  std::vector<float> heat;
  heat.reserve(static_cast<size_t>(cell.width) * static_cast<size_t>(cell.height));
  for (int y = 0; y < cell.height; ++y) {
    for (int x = 0; x < cell.width; ++x) {
      heat.push_back(
          range.share(sampler.at((x + 0.5) * photo_width / cell.width, (y + 0.5) * photo_height / cell.height)));
    }
  }
  return heat;
}

Json map_json(const PatchMap& map) {
  const Range range = range_of(map.values);
  return {
      {"resized", {{"width", map.resized_width}, {"height", map.resized_height}}},
      {"window",
       {{"x", map.window_x}, {"y", map.window_y}, {"width", map.window_width}, {"height", map.window_height}}},
      {"grid", {{"width", map.grid_w}, {"height", map.grid_h}}},
      {"patch", {{"x", map.patch_x}, {"y", map.patch_y}}},
      {"lowest", range.lowest},
      {"highest", range.highest},
      {"class_token", map.to_class.empty() ? Json() : Json(map.to_class[0])},
  };
}

Json words_json(const PointWords& words, const ClassList& classes, double logit_scale) {
  Json points = Json::array();
  for (const std::vector<float>& cosines : words.cosines) {
    const std::vector<double> scores = word_scores(cosines, logit_scale);
    Json list = Json::array();
    for (const size_t k : ranked_words(cosines)) {
      const auto owner = static_cast<size_t>(classes.query_class()[k]);
      list.push_back({{"word", classes.queries()[k]},
                      {"class", classes.class_names()[owner]},
                      {"query", k},
                      {"cosine", cosines[k]},
                      {"score", scores[k]}});
    }
    points.push_back(std::move(list));
  }
  return {{"policy", words.policy}, {"points", std::move(points)}};
}

}  // namespace

std::vector<double> word_scores(std::span<const float> cosines, double logit_scale) {
  std::vector<double> out;
  if (cosines.empty()) return out;
  const double best = *std::max_element(cosines.begin(), cosines.end());
  for (const float cosine : cosines) out.push_back(std::exp(logit_scale * (cosine - best)));
  const double sum = std::accumulate(out.begin(), out.end(), 0.0);
  for (double& score : out) score /= sum;
  return out;
}

std::vector<size_t> ranked_words(std::span<const float> cosines) {
  std::vector<size_t> order(cosines.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return cosines[a] > cosines[b]; });
  return order;
}

WordMap sample_plane(size_t query, std::span<const float> plane, int photo_width, int photo_height, ImageView cell) {
  WordMap out{.query = query, .cosines = {}};
  const Range range = range_of(plane);
  out.lowest = range.lowest;
  out.highest = range.highest;
  for (int y = 0; y < cell.height; ++y) {
    const auto row = static_cast<size_t>((y + 0.5) * photo_height / cell.height);
    for (int x = 0; x < cell.width; ++x) {
      const auto column = static_cast<size_t>((x + 0.5) * photo_width / cell.width);
      out.cosines.push_back(plane[row * static_cast<size_t>(photo_width) + column]);
    }
  }
  return out;
}

Image cell_photo(ImageView photo, int pixels) {
  const double scale = static_cast<double>(pixels) / std::max(photo.width, photo.height);
  const auto side = [&](int length) { return std::max(1, static_cast<int>(std::lround(length * scale))); };
  return resample(photo, side(photo.width), side(photo.height));
}

int map_columns(std::span<const MapColumn> columns) {
  const bool one_point = !columns.empty() && columns[0].maps.size() == 1;
  const auto count = static_cast<int>(columns.size());
  return one_point ? std::min(count, kMostColumns) : count;
}

HeatSheet draw_maps(std::span<const MapColumn> columns, ImageView cell, int photo_width, int photo_height) {
  HeatSheet sheet{
      .photo = cell, .cells = {}, .columns = map_columns(columns), .lowest = "lowest", .highest = "highest"};
  const size_t points = columns.empty() ? 0 : columns[0].maps.size();
  const std::vector<Rgb> colors = make_palette(points, false);
  for (size_t i = 0; i < points; ++i) {
    for (const MapColumn& column : columns) {
      const PatchMap& map = column.maps[i];
      const Range range = range_of(map.values);
      std::string note = short_number(range.lowest) + " … " + short_number(range.highest);
      if (!map.to_class.empty()) note += ", class " + short_number(map.to_class[0]);
      sheet.cells.push_back({.title = column.title,
                             .note = std::move(note),
                             .heat = heat_of(map, range, cell, photo_width, photo_height),
                             .markers = {marker_of(map.point, colors[i], cell, photo_width, photo_height)}});
    }
  }
  return sheet;
}

HeatSheet draw_words(std::span<const WordMap> maps, const ClassList& classes, std::span<const PhotoPoint> points,
                     ImageView cell, int photo_width, int photo_height) {
  Range all;
  for (const WordMap& map : maps) all.add(map.lowest, map.highest);
  HeatSheet sheet{.photo = cell,
                  .cells = {},
                  .columns = std::min(kWordColumns, static_cast<int>(maps.size())),
                  .lowest = short_number(all.lowest),
                  .highest = short_number(all.highest)};
  const std::vector<Rgb> colors = make_palette(points.size(), false);
  std::vector<HeatMarker> markers;
  for (size_t i = 0; i < points.size(); ++i) {
    markers.push_back(marker_of(points[i], colors[i], cell, photo_width, photo_height));
  }
  for (const WordMap& map : maps) {
    const std::string& word = classes.queries()[map.query];
    HeatCell out{.title = TextStyle::covers(word) ? word : str("word ", map.query),
                 .note = str(short_number(map.lowest), " … ", short_number(map.highest)),
                 .heat = {},
                 .markers = markers};
    for (const float cosine : map.cosines) out.heat.push_back(all.share(cosine));
    sheet.cells.push_back(std::move(out));
  }
  return sheet;
}

Json explanation_json(const RunFacts& run, const Explanation& what, const ClassList* classes) {
  Json files = Json::object();
  for (const auto& [kind, name] : what.files) files[kind] = name;
  Json points = Json::array();
  for (const PhotoPoint& point : what.points) points.push_back({{"x", point.x}, {"y", point.y}});
  Json maps = Json::array();
  for (const MapColumn& column : what.columns) {
    Json list = Json::array();
    for (const PatchMap& map : column.maps) list.push_back(map_json(map));
    maps.push_back({{"title", column.title},
                    {"policy", column.policy.empty() ? Json() : Json(column.policy)},
                    {"block", column.block},
                    {"head", column.head ? Json(*column.head) : Json()},
                    {"points", std::move(list)}});
  }
  Json words = Json::array();
  for (const PointWords& each : what.words) words.push_back(words_json(each, *classes, run.options.logit_scale));
  Json word_maps = Json::array();
  for (const WordMap& map : what.word_maps) {
    word_maps.push_back({{"word", classes->queries()[map.query]},
                         {"query", map.query},
                         {"lowest", map.lowest},
                         {"highest", map.highest}});
  }
  const SegmentOptions& o = run.options;
  return {
      {"software", "sclip"},  // kJsonMark
      {"version", version()},
      {"photo", {{"path", what.photo}, {"width", what.width}, {"height", what.height}}},
      {"outputs", std::move(files)},
      {"points", std::move(points)},
      {"map", to_string(what.kind)},
      {"maps", std::move(maps)},
      {"words", std::move(words)},
      {"word_maps", std::move(word_maps)},
      {"options",
       {{"short_side", o.short_side},
        {"long_limit", o.long_limit},
        {"crop", o.crop},
        {"stride", o.stride},
        {"logit_scale", o.logit_scale},
        {"templates", run.templates}}},
      {"model", {{"name", run.model_name}, {"path", run.model_path}, {"sha256", run.model_sha256}}},
      {"device", {{"name", run.device}, {"description", run.device_description}, {"precision", run.precision}}},
      {"warnings", run.warnings},
  };
}

}  // namespace sclip
