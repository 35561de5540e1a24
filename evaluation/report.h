// What an evaluation leaves to read: one set of facts as Markdown, JSON and CSV. The same facts give the same bytes;
// nothing of the time or the machine's load is in them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "evaluation/confusion.h"
#include "evaluation/published.h"

namespace sclip {

// One way of segmenting a data set.
struct EvaluatedCell {
  std::string policy;
  std::string refine;
  Protocol protocol;    // where it is not the configuration's
  std::string options;  // "short side 336, windows of 224 every 112, …", for people
  std::string options_hash;
  size_t photos = 0;
  Confusion confusion{0};
  Measures measures;
  std::vector<PublishedFigure> published;
  std::vector<std::string> pictures;  // files, relative to the report

  std::string label() const;  // "sclip + pamr, 448/224/112"
};

struct FailedPhoto {
  std::string name;
  std::string error;
};

struct EvaluatedSet {
  std::string name;
  std::string title;
  std::string folder;
  std::string split;
  std::string numbers;  // the rule of the masks, for people
  std::vector<std::string> class_names;
  std::vector<std::string> ignored;
  size_t asked = 0;         // photos of the set, or as many as were asked for
  size_t missing = 0;       // names of the list without files
  size_t without_mask = 0;  // photos of the folder that could not count
  std::vector<FailedPhoto> failed;
  std::vector<EvaluatedCell> cells;
};

struct EvaluationReport {
  std::string model, model_sha256, device, precision, templates;
  int table = 0;  // of the paper; 0: none
  std::vector<EvaluatedSet> sets;
  std::vector<std::string> absent;   // sets of the table that are not there, with the reason
  std::vector<std::string> skipped;  // rows of the table that could not be run, with the reason
};

std::string to_markdown(const EvaluationReport& report);
std::string to_json(const EvaluationReport& report);
std::string to_csv(const EvaluationReport& report);  // a row for each set, cell and class, and one for its mean

}  // namespace sclip
