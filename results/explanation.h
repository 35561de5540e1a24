// What is found at points of a photo, as pictures, as JSON and as an array.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/heat_sheet.h"
#include "io/image.h"
#include "results/run_facts.h"
#include "sclip/class_list.h"
#include "sclip/explain.h"

namespace sclip {

// One way of looking, at every point: a column of the picture.
struct MapColumn {
  std::string title;
  std::string policy;          // empty: a block that no policy touches
  int block = 0;               // counted from 1
  std::optional<int> head{};   // counted from 1; none: the mean of all, or a map that has none
  std::vector<PatchMap> maps;  // of each point; each of one head
};

// What the words of one policy are worth at each point.
struct PointWords {
  std::string policy;
  std::vector<std::vector<float>> cosines;  // (points, K)
};

// softmax(scale · cosine) over the queries.
std::vector<double> word_scores(std::span<const float> cosines, double logit_scale);
// Queries, the best first.
std::vector<size_t> ranked_words(std::span<const float> cosines);

// A query's plane of cosines, as the picture shows it.
struct WordMap {
  size_t query = 0;
  std::vector<float> cosines;     // (h, w) of the cell's photo
  float lowest = 0, highest = 0;  // of the whole plane
};
// The plane's value at the middle of each of the cell's pixels.
WordMap sample_plane(size_t query, std::span<const float> plane, int photo_width, int photo_height, ImageView cell);

// The photo as a cell shows it: its long side has `pixels`.
Image cell_photo(ImageView photo, int pixels);

// Cells side by side: a row for each point, a column for each way of looking; those of a single point go on below.
int map_columns(std::span<const MapColumn> columns);
// Every map has the whole range of colours for itself, and its
// own extremes below it. `cell` is cell_photo's.
HeatSheet draw_maps(std::span<const MapColumn> columns, ImageView cell, int photo_width, int photo_height);
// The words' maps, all in the same colours.
HeatSheet draw_words(std::span<const WordMap> maps, const ClassList& classes, std::span<const PhotoPoint> points,
                     ImageView cell, int photo_width, int photo_height);

struct Explanation {
  std::string photo;  // path
  int width = 0, height = 0;
  MapKind kind = MapKind::kAttention;
  std::vector<PhotoPoint> points;
  std::vector<MapColumn> columns;
  std::vector<PointWords> words;                           // of each policy; empty without words
  std::vector<WordMap> word_maps;                          // those drawn, of the first policy
  std::vector<std::pair<std::string, std::string>> files;  // what is written: kind, and name beside the JSON file
};

// `classes` may be null where there are no words.
nlohmann::ordered_json explanation_json(const RunFacts& run, const Explanation& what, const ClassList* classes);

}  // namespace sclip
