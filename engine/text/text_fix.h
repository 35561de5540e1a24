// ftfy.fix_text, with its defaults.
//
// Line by line, until nothing changes: HTML references with a semicolon (unless a "<" has been seen), mojibake
// (mojibake.h), C1 controls as Windows-1252, Latin ligatures, halfwidth and fullwidth forms, curly quotes, line
// breaks, terminal escapes, control characters, NFC. Surrogates cannot occur in decoded UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace sclip {

std::u32string fix_text(std::u32string_view text);

}  // namespace sclip
