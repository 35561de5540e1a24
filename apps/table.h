// Plain text tables: the first column to the left, the others to the right, widths by what is shown.
#pragma once

#include <string>
#include <vector>

namespace sclip {

// Rows of equal length; control bytes become blanks. Each line ends with '\n'.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

std::string percent(double share);            // 0.3121 → "31.2%"
std::string fixed(double value, int digits);  // 1.234, 2 → "1.23"
std::string readable_bytes(double bytes);     // 25690112 → "24.5 MiB"

}  // namespace sclip
