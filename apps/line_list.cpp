#include "apps/line_list.h"

#include <algorithm>
#include <utility>

#include "apps/photo_list.h"
#include "core/file.h"
#include "sclip/error.h"

namespace sclip {

std::vector<std::string> read_line_list(const std::string& file, const char* flag, bool nul_too) {
  constexpr size_t kMost = size_t{1} << 30;
  std::string text;
  if (file == kStandardInput) {
    const auto bytes = read_standard_input(kMost);
    text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else {
    text = read_text_file(file);
  }
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  const char end_of_line = nul_too && text.find('\0') != std::string::npos ? '\0' : '\n';
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(end_of_line, begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (end_of_line == '\n' && line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back(std::move(line));
    begin = end + 1;
  }
  SCLIP_CHECK(!lines.empty(), kNotFound, "nothing in ", file == kStandardInput ? "standard input" : file, ": ", flag,
              " takes a list with one a line");
  return lines;
}

}  // namespace sclip
