// What goes wrong with class lists and thresholds.
#include <algorithm>
#include <map>
#include <set>

#include "apps/doctor/checks.h"
#include "apps/table.h"
#include "results/class_style.h"
#include "sclip/error.h"

namespace sclip {
namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::vector<std::string> lower_names(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) out.push_back(lower(name));
  return out;
}

// Classes that both lists have, at another place in one than in the other; nothing where they share too few.
std::vector<size_t> moved(const std::vector<std::string>& given, const std::vector<std::string>& expected) {
  constexpr double kNearlyAll = 0.8;
  std::map<std::string, size_t> place;
  for (size_t i = 0; i < expected.size(); ++i) place.insert({expected[i], i});
  std::vector<size_t> out;
  size_t common = 0;
  for (size_t i = 0; i < given.size(); ++i) {
    const auto found = place.find(given[i]);
    if (found == place.end()) continue;
    ++common;
    if (found->second != i) out.push_back(i);
  }
  const auto most = static_cast<double>(std::max(given.size(), expected.size()));
  return static_cast<double>(common) >= kNearlyAll * most ? out : std::vector<size_t>();
}

void look_list(const Facts& facts, Findings& found) {
  for (const std::string& warning : facts.classes->warnings()) {
    found.add(Severity::kWarning, warning, "write the list as docs/words.md says, if it is meant otherwise");
  }
}

void look_order(const Facts& facts, Findings& found) {
  if (!facts.classes_given) return;
  const auto given = lower_names(facts.classes->class_names());
  const auto tell = [&](const std::vector<std::string>& expected, std::string_view list, Severity severity) {
    const std::vector<size_t> at = moved(given, expected);
    if (at.empty()) return false;
    const size_t i = at.front();
    const std::string here = i < expected.size() ? expected[i] : std::string("none");
    found.add(severity,
              str("the list has the classes of ", list, " in another order: ", at.size(), " of ", given.size(),
                  " stand elsewhere, the first being ", i, ", '", given[i], "' for '", here, "'"),
              list == "coco_stuff"
                  ? "two orders are about (170 after 0, or with 'unlabeled' first): take --classes-file coco_stuff, "
                    "whose order is that of the train ids"
                  : str("take --classes-file ", list, ", or reorder the lines: a class's number is its line"));
    return true;
  };
  if (facts.data) {
    const DataFacts& data = *facts.data;
    tell(lower_names(data.class_names), data.class_file.empty() ? "classes.txt" : data.class_file, Severity::kError);
    return;
  }
  // Without a data set it is a question only.
  for (const std::string_view name : builtin_class_file_names()) {
    const ClassList list = parse_class_file(builtin_class_file(name), name);
    if (list.size() != facts.classes->size()) continue;
    if (tell(lower_names(list.class_names()), name, Severity::kNote)) return;
  }
}

void look_count(const Facts& facts, Findings& found) {
  if (!facts.classes_given || !facts.data) return;
  const size_t given = facts.classes->size(), expected = facts.data->rule.classes();
  if (given == expected) return;
  found.add(Severity::kError, str("the list has ", given, " classes, and ", facts.data->set, " has ", expected),
            "a line a class, in the order of the masks' numbers; synonyms of a class belong on its line");
}

void look_twice(const Facts& facts, Findings& found) {
  std::map<std::string, int32_t> first;
  const ClassList& list = *facts.classes;
  size_t twice = 0;
  std::string example;
  for (size_t k = 0; k < list.queries().size(); ++k) {
    const auto [entry, is_new] = first.insert({lower(list.queries()[k]), list.query_class()[k]});
    if (is_new || entry->second == list.query_class()[k] || twice++ > 0) continue;
    example = str("'", list.queries()[k], "' (classes ", entry->second, " and ", list.query_class()[k], ")");
  }
  if (twice == 0) return;
  found.add(Severity::kNote, str(twice, twice == 1 ? " word stands" : " words stand", " for two classes: ", example),
            "on a tie the lower class has the pixel: keep the word where it is meant");
}

void look_threshold(const Facts& facts, Findings& found) {
  const SegmentOptions& o = facts.options;
  if (o.ignore_label || has_background(facts.classes->class_names())) return;
  const std::string& name = facts.classes->class_names()[0];
  if (o.prob_thd > 0) {
    found.add(Severity::kError,
              str("pixels with a score below ", o.prob_thd, " become class 0, and that is '", name, "', no background"),
              "--prob-thd 0, or --ignore-label 255, or a first class called background");
  }
  if (o.area_thd && *o.area_thd > 0) {
    found.add(Severity::kWarning,
              str("the area filter (", *o.area_thd, ") spares class 0 alone, and that is '", name, "', no background"),
              "leave --area-thd out where no class is the background");
  }
}

void look_background(const Facts& facts, Findings& found) {
  const ClassList& list = *facts.classes;
  if (!has_background(list.class_names()) || facts.options.prob_thd > 0) return;
  const auto words = std::count(list.query_class().begin(), list.query_class().end(), 0);
  if (words > 1) return;
  found.add(Severity::kWarning, "the background is one word and there is no threshold: few pixels look like the word",
            "\"background = sky, wall, floor, …\" with what is behind the others, or --prob-thd; sclip tune finds one");
}

constexpr Check kWordChecks[] = {
    {"class-list", "Is the list read as it was meant?", Needs::kClasses, look_list},
    {"class-count", "Has the list as many classes as the masks?", Needs::kClasses, look_count},
    {"class-order", "Are the classes in the order of the masks' numbers?", Needs::kClasses, look_order},
    {"words-twice", "Does a word stand for two classes?", Needs::kClasses, look_twice},
    {"threshold", "Is there a threshold, and no background to take what is below?", Needs::kClasses, look_threshold},
    {"background", "Has the background words or a threshold?", Needs::kClasses, look_background},
};

}  // namespace

std::span<const Check> word_checks() {
  return kWordChecks;
}

}  // namespace sclip
