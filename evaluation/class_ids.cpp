#include "evaluation/class_ids.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "sclip/error.h"

namespace sclip {
namespace {

struct NumberedLine {
  int number = 0;
  std::string name;
};

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<NumberedLine> parse_numbered(std::string_view line) {
  int number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  const std::string_view rest = line.substr(static_cast<size_t>(end - line.data()));
  if (rest.empty() || (rest.front() != ' ' && rest.front() != '\t') || trimmed(rest).empty()) return std::nullopt;
  return NumberedLine{number, std::string(trimmed(rest))};
}

// Every line that counts, or nothing where one of them has no number.
std::vector<NumberedLine> numbered_lines(std::string_view bytes) {
  std::vector<NumberedLine> out;
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = trimmed(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (line.empty() || line.front() == '#') continue;
    auto numbered = parse_numbered(line);
    if (!numbered) return {};
    out.push_back(std::move(*numbered));
  }
  return out;
}

bool does_not_count(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  constexpr std::array<std::string_view, 6> kNames = {"void",    "unlabeled", "unlabelled",
                                                      "various", "ignore",    "ignored"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() || name.ends_with("(ignore)") ||
         name.ends_with(" or ignore");
}

}  // namespace

ListedClasses parse_listed_classes(std::string_view bytes, std::string_view source) {
  const std::vector<NumberedLine> lines = numbered_lines(bytes);
  if (lines.empty()) {
    ClassList classes = parse_class_file(bytes, source);
    const size_t count = classes.size();
    return {std::move(classes), MaskRule(MaskRuleKind::kAsStored, count), {}};
  }
  std::string names;
  std::vector<int> ids, ignored_ids, seen;
  std::vector<std::string> ignored;
  for (const NumberedLine& line : lines) {
    SCLIP_CHECK(std::find(seen.begin(), seen.end(), line.number) == seen.end(), kInvalidArgument, source,
                " gives the number ", line.number, " twice");
    seen.push_back(line.number);
    if (does_not_count(line.name)) {
      ignored_ids.push_back(line.number);
      ignored.push_back(line.name);
    } else {
      ids.push_back(line.number);
      names += line.name + "\n";
    }
  }
  SCLIP_CHECK(!ids.empty(), kInvalidArgument, source, " has no class that counts");
  ClassList classes = parse_class_file(names, source);
  return {std::move(classes), MaskRule::listed(ids, ignored_ids), std::move(ignored)};
}

}  // namespace sclip
