// Lines and blanks of small text files that people write.
#pragma once

#include <string_view>

namespace sclip {

inline constexpr std::string_view kBlanks = " \t\r\n\f\v";

// Without the ASCII blanks at both ends.
constexpr std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// Calls body(line) for each line, without its LF, CRLF or CR; the end of the last line may be missing.
template <typename Body>
void for_each_line(std::string_view text, const Body& body) {
  while (!text.empty()) {
    const size_t end = text.find_first_of("\r\n");
    body(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
}

}  // namespace sclip
