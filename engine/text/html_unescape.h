// HTML character references, as Python's html.unescape and as ftfy read them.
#pragma once

#include <string>
#include <string_view>

namespace sclip {

// html.unescape: HTML 5's rules, with names that lack their semicolon and with invalid numbers.
std::u32string unescape_html(std::u32string_view text);

// ftfy.fixes.unescape_html: only what ends in a semicolon, but some names in capitals too (&EACUTE;).
std::u32string unescape_html_strictly(std::u32string_view text);

}  // namespace sclip
