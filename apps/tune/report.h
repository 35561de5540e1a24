// What `sclip tune` found, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "apps/tune/candidates.h"
#include "apps/tune/threshold_search.h"
#include "apps/tune/word_search.h"
#include "io/plot.h"

namespace sclip {

// Labels of all photos' pixels as they are and as they would be.
struct ClassChange {
  std::string name;
  double share_now = 0, share_then = 0;  // of the pixels
  double leaves = 0;                     // of the pixels that have the label now: the share that would get another
  double iou_now = 0, iou_then = 0;      // percent; NaN without masks and where the class does not occur
};

struct Changes {
  std::vector<ClassChange> classes;  // and, with an ignore label, a last one of the pixels without a class
  double changed = 0;                // share of all pixels
  double miou_now = 0, miou_then = 0;
  double same_now = 0, same_then = 0;  // percent that mirroring does not change; 0 with masks
};

struct TuneReport {
  WordsWithCandidates words;
  std::vector<std::string> photos{};
  int64_t pixels = 0;
  bool with_masks = false;
  bool every_pixel = false;
  SearchSpace space{};
  SearchPoint present{};
  SearchResult search{};
  bool threshold_sought = false;
  WordResult word_result{};
  bool words_sought = false;
  Changes changes{};
  std::vector<std::string> flags{};  // to be given to `sclip segment`
  std::vector<std::string> notes{};
};

Changes compare(std::span<const PhotoSample> photos, const WordChoice& now, const WordSetting& setting_now,
                const WordChoice& then, const WordSetting& setting_then, const std::vector<std::string>& names,
                const std::string& no_class);

std::string report_text(const TuneReport& report);
std::string report_json(const TuneReport& report);
std::vector<Plot> report_plots(const TuneReport& report);

// A flag's value for a shell, in single quotes where it needs them.
std::string shell_word(const std::string& text);
// As short as tells it from its neighbours: 0.1, 65.
std::string short_number(double value);

}  // namespace sclip
