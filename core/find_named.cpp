#include "core/find_named.h"

#include <algorithm>
#include <numeric>

namespace sclip {
namespace {

constexpr size_t kFarthest = 2;        // letters; beyond these it is another word
constexpr size_t kLongestName = 1000;  // bytes; nothing that is looked up is as long

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Letters to change, add, leave out or swap with the next to make one word of the other (optimal string alignment).
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  const auto same = [&](size_t i, size_t j) { return lower(a[i]) == lower(b[j]); };
  for (size_t i = 0; i < a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({above[j] + (same(i, j) ? 0 : 1), row[j] + 1, above[j + 1] + 1});
      if (i > 0 && j > 0 && same(i, j - 1) && same(i - 1, j)) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& known) {
  std::string_view nearest;
  if (name.size() > kLongestName) return nearest;
  size_t nearest_distance = kFarthest + 1;
  for (const std::string_view other : known) {
    const size_t d = distance(other, name);
    if (d < nearest_distance && d < other.size()) {
      nearest_distance = d;
      nearest = other;
    }
  }
  return nearest;
}

std::string name_advice(std::string_view name, const std::vector<std::string_view>& known) {
  if (known.empty()) return "it has none";
  const std::string_view nearest = nearest_name(name, known);
  std::string text = nearest.empty() ? "use one of " : str("did you mean '", nearest, "'? use one of ");
  for (size_t i = 0; i < known.size(); ++i) text += (i == 0 ? "" : ", ") + std::string(known[i]);
  return text;
}

}  // namespace sclip
