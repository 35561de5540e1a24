#include "apps/tune/candidates.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "results/class_style.h"
#include "sclip/model_config.h"

namespace sclip {
namespace {

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool holds(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Lower-case words, class by class.
std::vector<std::vector<std::string>> words_of(const ClassList& list) {
  std::vector<std::vector<std::string>> out(list.size());
  for (size_t k = 0; k < list.queries().size(); ++k) {
    out[static_cast<size_t>(list.query_class()[k])].push_back(lowered(list.queries()[k]));
  }
  return out;
}

WordsWithCandidates extended(const ClassList& list, const std::vector<std::vector<std::string>>& candidates) {
  std::vector<std::string> queries;
  std::vector<int32_t> query_class;
  std::vector<uint8_t> given;
  size_t k = 0;
  for (size_t q = 0; q < list.size(); ++q) {
    for (; k < list.queries().size() && list.query_class()[k] == static_cast<int32_t>(q); ++k) {
      queries.push_back(list.queries()[k]);
      query_class.push_back(static_cast<int32_t>(q));
      given.push_back(1);
    }
    for (const std::string& word : candidates[q]) {
      queries.push_back(word);
      query_class.push_back(static_cast<int32_t>(q));
      given.push_back(0);
    }
  }
  ClassList all = ClassList::from_queries(list.class_names(), std::move(queries), std::move(query_class));
  for (const std::string& warning : list.warnings()) all.add_warning(warning);
  return {std::move(all), std::move(given)};
}

// As --classes reads it back.
std::string written(const std::string& name) {
  if (name.find_first_of(",;=\"#") == std::string::npos) return name;
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

}  // namespace

WordsWithCandidates without_candidates(const ClassList& list) {
  return extended(list, std::vector<std::vector<std::string>>(list.size()));
}

WordsWithCandidates with_candidates(const ClassList& list) {
  const auto own = words_of(list);
  std::vector<std::string> taken;
  for (const auto& words : own) taken.insert(taken.end(), words.begin(), words.end());
  std::vector<std::vector<std::string>> candidates(list.size());
  for (const std::string_view file : builtin_class_file_names()) {
    const ClassList built_in = parse_class_file(builtin_class_file(file), file);
    const auto theirs = words_of(built_in);
    const bool their_background = has_background(built_in.class_names());
    for (size_t b = 0; b < theirs.size(); ++b) {
      for (size_t q = 0; q < own.size(); ++q) {
        bool same = lowered(built_in.class_names()[b]) == lowered(list.class_names()[q]);
        if (!(their_background && b == 0)) {
          for (const std::string& word : theirs[b]) same |= holds(own[q], word);
        }
        if (!same) continue;
        for (const std::string& word : theirs[b]) {
          if (holds(taken, word)) continue;
          taken.push_back(word);
          candidates[q].push_back(word);
        }
        break;
      }
    }
  }
  return extended(list, candidates);
}

WordsWithCandidates known_to(const ModelConfig& model, const WordsWithCandidates& words) {
  if (model.known_words.empty()) return words;
  const ClassList& list = words.classes;
  std::vector<std::string> queries;
  std::vector<int32_t> query_class;
  std::vector<uint8_t> given;
  for (size_t k = 0; k < words.given.size(); ++k) {
    if (words.given[k] == 0 && !holds(model.known_words, lowered(list.queries()[k]))) continue;
    queries.push_back(list.queries()[k]);
    query_class.push_back(list.query_class()[k]);
    given.push_back(words.given[k]);
  }
  ClassList left = ClassList::from_queries(list.class_names(), std::move(queries), std::move(query_class));
  for (const std::string& warning : list.warnings()) left.add_warning(warning);
  return {std::move(left), std::move(given)};
}

std::string class_argument(const ClassList& classes, const std::vector<uint8_t>& active) {
  std::string out;
  size_t k = 0;
  for (size_t q = 0; q < classes.size(); ++q) {
    std::string words, first;
    for (; k < classes.queries().size() && classes.query_class()[k] == static_cast<int32_t>(q); ++k) {
      if (active[k] == 0) continue;
      if (words.empty()) first = classes.queries()[k];
      words += (words.empty() ? "" : ", ") + written(classes.queries()[k]);
    }
    const std::string& name = classes.class_names()[q];
    out += (q == 0 ? "" : "; ") + (first == name ? words : written(name) + " = " + words);
  }
  return out;
}

}  // namespace sclip
