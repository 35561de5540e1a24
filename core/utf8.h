// UTF-8 to code points and back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sclip {

// Decodes one code point of `text` at `pos` (< size) and moves `pos` behind it. Of invalid bytes, each maximal
// prefix of a sequence becomes one U+FFFD: what Python, the WHATWG and the Unicode standard do.
char32_t decode_utf8(std::string_view text, size_t& pos);

std::u32string decode_utf8(std::string_view text);

void append_utf8(char32_t code_point, std::string& text);
std::string encode_utf8(std::u32string_view text);

// For messages: at most `bytes` bytes, cut between characters and marked with "…"; control bytes become '?'.
std::string shorten_utf8(std::string_view text, size_t bytes);
// The same of the end, for paths: what tells files apart stands there.
std::string shorten_utf8_front(std::string_view text, size_t bytes);

}  // namespace sclip
