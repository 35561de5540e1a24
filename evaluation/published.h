// Published results, and the tables of the paper that they stand in: one table for both. ViT-B/16 of OpenAI.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

// How photos are scaled and cut; all 0: as the data set's configuration says.
struct Protocol {
  int short_side = 0;
  int crop = 0;
  int stride = 0;
  bool operator==(const Protocol&) const = default;
};
std::string to_string(const Protocol& protocol);  // "448/224/112", or empty

inline constexpr std::array<std::string_view, 9> kPublishedSets = {"voc21",  "context60",      "coco_object",
                                                                   "voc20",  "cityscapes",     "context59",
                                                                   "ade20k", "coco_stuff164k", "coco_stuff10k"};

struct PublishedRow {
  int table;                // of the SCLIP paper, 1 … 4; 0: elsewhere
  std::string_view policy;  // as --policy takes it
  std::string_view refine;
  Protocol protocol;
  std::string_view source;
  std::array<double, kPublishedSets.size()> mean_iou;  // percent, by kPublishedSets; 0: none
};

std::span<const PublishedRow> published_rows();

// The data sets of a table of the paper, in its order; throws kInvalidArgument for a number that is none.
std::vector<std::string_view> table_sets(int table);

struct PublishedFigure {
  double mean_iou = 0;  // percent
  std::string_view source;
};

// Those of one setting, the paper's table `first` before others. `policies` are spellings of the same policy.
std::vector<PublishedFigure> published(std::string_view data_set, std::span<const std::string> policies,
                                       std::string_view refine, const Protocol& protocol, int first = 0);

}  // namespace sclip
