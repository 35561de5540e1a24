#include "spelling.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

namespace conformance {

bool Spelling::has(const char* word) const {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Spelling parse_spelling(const std::string& text) {
  Spelling s;
  s.text = text;
  std::istringstream in(text);
  std::getline(in, s.opcode, '.');
  for (std::string word; std::getline(in, word, '.');) {
    s.words.push_back(word);
    if (const Type t = cudasim::type_from_name(word); t != Type::kNone) s.types.push_back(t);
  }
  const std::vector<std::string_view> views(s.words.begin(), s.words.end());
  s.form = cudasim::match_form(s.opcode, views);
  return s;
}

std::vector<std::string> spellings_of(const OpForm& form, size_t limit) {
  size_t all = 1, longest = 1;
  for (const cudasim::ModGroup& g : form.groups) {
    const size_t n = g.words.size() + g.optional;
    all = std::min(all * n, limit + 1);
    longest = std::max(longest, n);
  }
  if (all <= limit) return cudasim::expand_form(form);
  std::vector<std::string> out;
  // Each round shifts the choices of the groups against each other.
  for (size_t i = 0; i < 3 * longest; ++i) {
    std::string text = form.opcode;
    for (size_t g = 0; g < form.groups.size(); ++g) {
      const cudasim::ModGroup& group = form.groups[g];
      const size_t n = group.words.size() + group.optional, k = (i + g * (i / longest)) % n;
      if (k < group.words.size()) text += "." + group.words[k];
    }
    out.push_back(text);
  }
  return out;
}

namespace {

struct Record {
  std::set<std::string> texts;
  std::map<const OpForm*, std::set<std::pair<size_t, std::string>>> words;
};
Record& record() {
  static Record r;
  return r;
}

bool assign(const OpForm& f, size_t g, const std::vector<std::string>& words, size_t w,
            std::vector<std::pair<size_t, std::string>>* out) {
  if (g == f.groups.size()) return w == words.size();
  const cudasim::ModGroup& group = f.groups[g];
  if (w < words.size() && std::find(group.words.begin(), group.words.end(), words[w]) != group.words.end()) {
    out->emplace_back(g, words[w]);
    if (assign(f, g + 1, words, w + 1, out)) return true;
    out->pop_back();
  }
  return group.optional && assign(f, g + 1, words, w, out);
}

}  // namespace

void cover(const std::string& text) {
  const Spelling s = parse_spelling(text);
  if (!s.form) {
    std::printf("no row of the opcode table fits '%s'.\n", text.c_str());
    std::exit(1);
  }
  record().texts.insert(text);
  std::vector<std::pair<size_t, std::string>> words;
  assign(*s.form, 0, s.words, 0, &words);
  record().words[s.form].insert(words.begin(), words.end());
}

size_t covered_spellings() {
  return record().texts.size();
}

size_t report_uncovered() {
  size_t missing = 0;
  for (const OpForm& f : cudasim::op_forms()) {
    const auto it = record().words.find(&f);
    if (it == record().words.end()) {
      std::printf("no conformance case covers the row '%s'.\n", f.row->pattern);
      ++missing;
      continue;
    }
    for (size_t g = 0; g < f.groups.size(); ++g)
      for (const std::string& w : f.groups[g].words)
        if (!it->second.count({g, w})) {
          std::printf("no conformance case covers .%s in the row '%s'.\n", w.c_str(), f.row->pattern);
          ++missing;
        }
  }
  return missing;
}

}  // namespace conformance
