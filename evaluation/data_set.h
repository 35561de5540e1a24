// Labelled photos on the disk: which data sets are known, how their folders look, and the pairs of photo and mask.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/mask_rule.h"
#include "sclip/class_list.h"

namespace sclip {

// How one version of a data set lies in its folder. "{split}" in a path stands for val, test, …
struct Layout {
  std::string_view images;
  std::string_view photo_suffix;  // ".jpg", "_leftImg8bit.png"; empty: any picture
  std::string_view masks;
  std::span<const std::string_view> mask_suffixes;  // the first that is there is taken
  std::string_view list;                            // a file with a name a line; empty: all photos of the folder
  std::string_view split;                           // unless another is asked for; empty: none
  MaskRuleKind rule;
};

struct DataSetKind {
  std::string_view name;
  std::string_view title;                     // for tables
  std::span<const std::string_view> aliases;  // other names for it
  std::string_view class_file;                // built-in list; empty: the folder's classes.txt
  std::string_view config;                    // named configuration of its published numbers; empty: none
  int short_side;                             // where the published one is not the configuration's; else 0
  std::span<const std::string_view> places;   // usual folders below one that holds several sets
  std::span<const Layout> layouts;            // tried in order
};

std::span<const DataSetKind> data_set_kinds();
// By name or alias. Throws kInvalidArgument naming those that there are.
const DataSetKind& find_data_set_kind(std::string_view name);

struct Sample {
  std::string name;  // "2007_000033", "frankfurt/frankfurt_000000_000294"
  std::filesystem::path photo;
  std::filesystem::path mask;
};

struct DataSet {
  const DataSetKind* kind;
  const Layout* layout;
  std::filesystem::path folder;
  std::string split;  // empty: the layout has none
  ClassList classes;
  MaskRule rule;
  std::vector<std::string> ignored;                 // names of classes.txt whose pixels do not count
  std::vector<Sample> samples;                      // by name; never empty
  std::vector<std::filesystem::path> without_mask;  // photos of a folder that is read without a list
  std::vector<std::string> missing;                 // names of the list without photo and mask
};

// The set below `root`, which is its own folder or one that holds several sets at their usual places. Files are only
// looked for, not read. Throws kNotFound saying where it was looked for, kInvalidArgument for a bad classes.txt or a
// list that is no list of names, kIo.
DataSet open_data_set(const DataSetKind& kind, const std::filesystem::path& root, const std::string& split = {});

}  // namespace sclip
