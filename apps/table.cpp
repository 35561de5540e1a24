#include "apps/table.h"

#include <algorithm>
#include <cstdio>

#include "apps/console.h"
#include "core/utf8.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// Code points stand for columns; wide and combining characters are off by a little, which costs alignment only.
size_t columns(std::string_view text) {
  return decode_utf8(text).size();
}

}  // namespace

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string cell = one_line(row[i]);
      const std::string pad(widths[i] - columns(cell), ' ');
      line += i == 0 ? str("  ", cell, pad) : str("  ", pad, cell);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string percent(double share) {
  return fixed(100 * share, 1) + "%";
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string readable_bytes(double bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit) bytes /= 1024;
  return str(fixed(bytes, unit == 0 ? 0 : 1), " ", units[unit]);
}

}  // namespace sclip
