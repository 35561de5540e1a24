// Text cleaning before BPE: what open_clip does with ftfy, html.unescape, str.split and str.lower.
//
//   fix_text (text_fix.h) → unescape_html twice (html_unescape.h) → whitespace runs to one space, none at
//   the ends → lower case
#pragma once

#include <string>
#include <string_view>

namespace sclip {

// Any bytes in; valid UTF-8 out. Bytes that are not UTF-8 become U+FFFD, as Python's errors="replace".
std::string clean_text(std::string_view utf8);

// Python's " ".join(text.split()).
std::u32string collapse_whitespace(std::u32string_view text);

// Python's str.lower(): simple mappings, but U+0130 to two code points and sigma by its place in the word.
std::u32string to_lower(std::u32string_view text);

}  // namespace sclip
