#include "io/text_clusters.h"

#include <utf8proc.h>

namespace sclip {

bool is_ignorable(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_CF || c == 0x34f || c == 0x115f ||
         c == 0x1160 || c == 0x3164 || c == 0xffa0 || (c >= 0x180b && c <= 0x180f) || (c >= 0xfe00 && c <= 0xfe0f) ||
         (c >= 0xe0000 && c <= 0xe0fff);
}

bool is_blank(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_ZS || is_ignorable(c);
}

std::vector<Cluster> text_clusters(std::string_view text, bool& cut) {
  std::vector<Cluster> clusters;
  utf8proc_int32_t before = 0, state = 0;
  size_t pos = 0;
  for (size_t count = 0; pos < text.size() && count < kMostClusterText; ++count) {
    char32_t c = decode_utf8(text, pos);
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029) c = ' ';
    const auto next = static_cast<utf8proc_int32_t>(c);
    if (clusters.empty() || utf8proc_grapheme_break_stateful(before, next, &state)) clusters.emplace_back();
    clusters.back() += c;
    before = next;
  }
  cut = pos < text.size();
  return clusters;
}

}  // namespace sclip
